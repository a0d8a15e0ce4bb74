// Times against sizes, by logarithms, and where the GPU wins.
import { scaleLog } from "d3-scale";
import { line } from "d3-shape";
import type { Point, Results } from "../engine";
import { colour, Head, headHeight, keyed, Levels, Picture } from "../picture";
import { useWidth } from "../width";

type Curve = Results["sizes"][number];

const SERIES: { name: string; of: (point: Point) => number | null }[] = [
  { name: "GPU", of: (point) => point.gpu_ms },
  { name: "GPU with transfers", of: (point) => point.gpu_with_transfers_ms },
  { name: "CPU in WebAssembly", of: (point) => point.cpu_ms },
];
const PANEL = 213;
const [LEFT, RIGHT, BELOW] = [64, 16, 44];

export function Sizes({ curve }: { curve: Curve }) {
  const [box, width] = useWidth();
  const times = curve.points.flatMap((point) => SERIES.flatMap(({ of }) => of(point) ?? []));
  if (!times.length) return null;
  const sizes = curve.points.map((point) => point.elements);
  const ends = (numbers: number[], room: number): [number, number] => [Math.min(...numbers) / room, Math.max(...numbers) * room];
  const x = scaleLog(ends(sizes, 1.3), [LEFT, Math.max(width - RIGHT, LEFT + 1)]).base(2);
  const wins = [curve.gpu_wins_from, curve.gpu_with_transfers_wins_from];
  const names = SERIES.map(({ name }, i) =>
    wins[i] == null ? name : `${name}: faster from ${Math.round(wins[i])} elements on`,
  );
  const keys = keyed(names, width - LEFT - RIGHT);
  const top = headHeight(keys.flat().length);
  const bottom = top + PANEL;
  const height = bottom + BELOW;
  const y = scaleLog(ends(times, 1.5), [bottom, top]);
  // Whole powers of ten.
  const marks = y.ticks(4).filter((mark) => Math.abs(Math.log10(mark) - Math.round(Math.log10(mark))) < 1e-6);
  return (
    <Picture
      {...{ box, width }}
      height={height}
      name={`${curve.family}_sizes`}
      role="img"
      aria-label={`${curve.family}: time against size`}
    >
      <Head left={LEFT} title={curve.family} keys={keys} />
      <Levels marks={marks} y={y} from={LEFT} to={width - RIGHT} />
      {sizes.map((size) => (
        <g key={size}>
          <line x1={x(size)} x2={x(size)} y1={top} y2={bottom} stroke="var(--grid)" />
          <text x={x(size)} y={bottom + 17} text-anchor="middle">
            2<tspan dy="-0.4em" font-size="9">{Math.log2(size)}</tspan>
          </text>
        </g>
      ))}
      <rect x={LEFT} y={top} width={Math.max(width - LEFT - RIGHT, 0)} height={PANEL} fill="none" stroke="var(--axis)" />
      {wins.map((size, i) =>
        size != null ? (
          <line key={i} x1={x(size)} x2={x(size)} y1={top} y2={bottom} stroke={colour(i)} stroke-dasharray="4 4" />
        ) : null,
      )}
      {SERIES.map(({ name, of }, i) => {
        const points = curve.points.filter((point) => of(point) !== null);
        const path = line<Point>((point) => x(point.elements), (point) => y(of(point)!)).digits(2)(points);
        return (
          <g key={name}>
            <path d={path ?? ""} fill="none" stroke={colour(i)} stroke-width={2} />
            {points.map((point) => (
              <circle key={point.elements} cx={x(point.elements)} cy={y(of(point)!)} r={3} fill={colour(i)} />
            ))}
          </g>
        );
      })}
      <text x={(LEFT + width - RIGHT) / 2} y={height - 6} text-anchor="middle" font-size="13">
        elements
      </text>
      <text transform={`translate(14 ${(top + bottom) / 2}) rotate(-90)`} text-anchor="middle" font-size="13">
        ms
      </text>
    </Picture>
  );
}
