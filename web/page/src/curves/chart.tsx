// Curves in two panels, one above the other: the losses, and their slopes.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { TargetedPointerEvent } from "preact";
import { colour, Head, headHeight, keyed, Levels, Picture } from "../picture";
import { shown } from "../shown";
import { useWidth } from "../width";

/** A curve with its name, in the order of the colours. */
export interface Line {
  name: string;
  values: Float32Array;
  slopes: Float32Array;
}

export interface Drawing {
  title: string;
  xName: string;
  from: number;
  to: number;
  xs: Float32Array;
  heights: [[number, number], [number, number]];
  lines: Line[];
}

const PANELS = [250, 190];
const GAP = 14;
const LEFT = 58;
const RIGHT = 14;
const BELOW = 44;

export function Chart({ drawing, at, point }: { drawing: Drawing; at: number; point: (at: number) => void }) {
  const [box, width] = useWidth();
  const { xs, from, to, lines } = drawing;
  const keys = keyed(lines.map((line) => line.name), width - LEFT - RIGHT);
  const head = headHeight(keys.flat().length);
  const height = head + PANELS[0]! + GAP + PANELS[1]! + BELOW;
  const x = scaleLinear([from, to], [LEFT, Math.max(width - RIGHT, LEFT + 1)]);
  const step = (to - from) / (xs.length - 1);
  const nearest = (position: number) =>
    Math.min(Math.max(Math.round((x.invert(position) - from) / step), 0), xs.length - 1);
  const move = (event: TargetedPointerEvent<SVGSVGElement>) =>
    point(nearest(event.clientX - event.currentTarget.getBoundingClientRect().left));
  const key = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -40, PageDown: 40 }[event.key];
    const end = { Home: 0, End: xs.length - 1 }[event.key];
    if (by === undefined && end === undefined) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    point(Math.min(Math.max(end ?? at + by! * far, 0), xs.length - 1));
  };
  const panels = (["values", "slopes"] as const).map((what, i) => {
    const top = head + (i === 0 ? 0 : PANELS[0]! + GAP);
    const bottom = top + PANELS[i]!;
    return { what, top, bottom, y: scaleLinear(drawing.heights[i]!, [bottom, top]) };
  });
  const marks = x.ticks(Math.min(Math.max(Math.floor(width / 80), 2), 9));
  return (
    <Picture
      {...{ box, width }}
      height={height}
      name={drawing.title}
      tabindex={0}
      role="application"
      aria-label={`${drawing.title}: curves against ${drawing.xName}; the arrow keys move the point that is read out`}
      onPointerMove={move}
      onPointerDown={move}
      onKeyDown={key}
    >
      <Head left={LEFT} title={drawing.title} keys={keys} />
      {panels.map(({ what, top, bottom, y }) => (
        <g key={what}>
          <clipPath id={`clip-${what}`}>
            <rect x={LEFT} y={top} width={Math.max(width - LEFT - RIGHT, 0)} height={bottom - top} />
          </clipPath>
          {marks.map((mark) => (
            <line key={mark} x1={x(mark)} x2={x(mark)} y1={top} y2={bottom} stroke={mark === 0 ? "var(--axis)" : "var(--grid)"} />
          ))}
          <Levels marks={y.ticks(6)} y={y} from={LEFT} to={width - RIGHT} />
          <rect x={LEFT} y={top} width={Math.max(width - LEFT - RIGHT, 0)} height={bottom - top} fill="none" stroke="var(--axis)" />
          <g clip-path={`url(#clip-${what})`}>
            {lines.map((own, i) => (
              <path
                key={i}
                d={path(xs, own[what], x, y)}
                fill="none"
                stroke={colour(i)}
                // Curves that coincide are all seen: those below are wider.
                stroke-width={2 + Math.min(1.2, 4.2 / lines.length) * (lines.length - 1 - i)}
                stroke-linejoin="round"
              />
            ))}
          </g>
          <text transform={`translate(13 ${(top + bottom) / 2}) rotate(-90)`} text-anchor="middle" font-size="13">
            {what === "values" ? "loss" : "slope"}
          </text>
        </g>
      ))}
      {marks.map((mark) => (
        <text key={mark} x={x(mark)} y={panels[1]!.bottom + 17} text-anchor="middle">
          {shown(mark)}
        </text>
      ))}
      <text x={(LEFT + width - RIGHT) / 2} y={height - 8} text-anchor="middle" font-size="13">
        {drawing.xName}
      </text>
      <g data-pointer>
        <line x1={x(xs[at]!)} x2={x(xs[at]!)} y1={panels[0]!.top} y2={panels[1]!.bottom} stroke="var(--ink)" stroke-dasharray="3 3" />
        {panels.flatMap(({ what, top, bottom, y }) =>
          lines.map((own, i) => {
            const height = y(own[what][at]!);
            return height >= top && height <= bottom ? (
              <circle key={what + i} cx={x(xs[at]!)} cy={height} r={4} fill={colour(i)} stroke="var(--page)" />
            ) : null;
          }),
        )}
      </g>
    </Picture>
  );
}

function path(xs: Float32Array, ys: Float32Array, x: (x: number) => number, y: (y: number) => number): string {
  // Far outside of the panel, a path's numbers would be too large to be drawn.
  const near = (height: number) => Math.min(Math.max(height, -4000), 4000);
  const points = line<number>(
    (_, i) => x(xs[i]!),
    (value) => near(y(value)),
  )
    .defined((value) => Number.isFinite(value))
    .digits(2);
  return points(ys as unknown as number[]) ?? "";
}
