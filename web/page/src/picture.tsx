// What all pictures are: as wide as there is room, in the colours of the page, and saved on a click.
import type { RefObject, SVGAttributes } from "preact";
import { useRef } from "preact/hooks";
import { Save } from "./save";
import { shown } from "./shown";

/** As many as can be told apart. */
export const COLOURS = 7;
export const colour = (i: number): string => `var(--series-${i % COLOURS})`;

/** The height of a line of text, what stands before a name, and the width of a usual letter. */
const [LINE, KEY, CHARACTER] = [19, 26, 6.6];

interface Frame {
  /** What is as wide as the picture may be, and its width: `useWidth`. */
  box: RefObject<HTMLDivElement>;
  width: number;
  height: number;
  /** What a file of it is called. */
  name: string;
}

export function Picture({ box, width, height, name, children, ...own }: Frame & SVGAttributes<SVGSVGElement>) {
  const svg = useRef<SVGSVGElement>(null);
  return (
    <div ref={box}>
      <svg
        ref={svg}
        class="chart"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        font-family="system-ui, sans-serif"
        font-size="12"
        fill="var(--ink)"
        xmlns="http://www.w3.org/2000/svg"
        {...own}
      >
        {children}
      </svg>
      <Save svg={svg} name={name.replaceAll(/\W+/g, "_")} />
    </div>
  );
}

/** A text as lines that are no wider than so many pixels; a word is not cut. */
export function broken(text: string, width: number): string[] {
  const most = Math.floor(width / CHARACTER);
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The names of series as lines below a title. */
export const keyed = (names: string[], width: number): string[][] => names.map((name) => broken(name, width - KEY));

/** The height of a title with so many lines below it. */
export const headHeight = (lines: number): number => 34 + LINE * lines;

/** The title, and below it the names of the series. */
export function Head({ left, title, keys }: { left: number; title: string; keys: string[][] }) {
  return (
    <>
      <text x={left} y={18} font-size="15" font-weight="600">
        {title}
      </text>
      {keys.map((lines, i) => {
        const y = 38 + LINE * keys.slice(0, i).flat().length;
        return (
          <g key={i}>
            <rect x={left} y={y - 6} width={18} height={4} rx={2} fill={colour(i)} />
            <Lines {...{ lines, y }} x={left + KEY} />
          </g>
        );
      })}
    </>
  );
}

/** Lines of text, one below the other. */
export function Lines({ lines, x, y }: { lines: string[]; x: number; y: number }) {
  return (
    <text>
      {lines.map((line, i) => (
        <tspan key={i} x={x} y={y + LINE * i}>
          {line}
        </tspan>
      ))}
    </text>
  );
}

/** The marks of the upright axis, with lines across. */
export function Levels(own: { marks: number[]; y: (mark: number) => number; from: number; to: number }) {
  const { marks, y, from, to } = own;
  return (
    <>
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={from} x2={to} y1={y(mark)} y2={y(mark)} stroke={mark === 0 ? "var(--axis)" : "var(--grid)"} />
          <text x={from - 8} y={y(mark)} dy="0.32em" text-anchor="end">
            {shown(mark)}
          </text>
        </g>
      ))}
    </>
  );
}
