// What all pictures are: as wide as there is room, in the colours of the page, and saved on a click.
import type { RefObject, SVGAttributes } from "preact";
import { useRef } from "preact/hooks";
import { Save } from "./save";
import { shown } from "./shown";

/** As many as can be told apart. */
export const COLOURS = 7;
export const colour = (i: number): string => `var(--series-${i % COLOURS})`;

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

/** The height of a head with so many keys. */
export const headHeight = (keys: number): number => 26 + 19 * keys;

/** The title, and below it the names of the series. */
export function Head({ left, title, keys }: { left: number; title: string; keys: string[] }) {
  return (
    <>
      <text x={left} y={18} font-size="15" font-weight="600">
        {title}
      </text>
      {keys.map((name, i) => (
        <g key={i}>
          <rect x={left} y={32 + 19 * i} width={18} height={4} rx={2} fill={colour(i)} />
          <text x={left + 26} y={38 + 19 * i}>
            {name}
          </text>
        </g>
      ))}
    </>
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
