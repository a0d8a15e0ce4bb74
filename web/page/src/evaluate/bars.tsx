// How a batch's losses are spread.
import { scaleLinear } from "d3-scale";
import type { Histogram } from "../engine";
import { broken, Head, headHeight, Levels, Lines, Picture } from "../picture";
import { shown } from "../shown";
import { useWidth } from "../width";

const PANEL = 204;
const [LEFT, RIGHT, BELOW] = [64, 16, 44];

export function Bars({ histogram, title }: { histogram: Histogram; title: string }) {
  const [box, width] = useWidth();
  const { bars, low, high, count, least, largest, mean, median, ignored, nan, infinite } = histogram;
  const rest = [`${ignored} ignored`, `${nan} NaN`, `${infinite} infinite`].filter((text) => !text.startsWith("0 "));
  if (low === null || high === null || !bars.length) return <p>No finite loss: {rest.join(", ")}</p>;
  const x = scaleLinear([low, high], [LEFT, Math.max(width - RIGHT, LEFT + 1)]);
  const each = (high - low) / bars.length;
  const facts = `${count} losses from ${shown(least!)} to ${shown(largest!)}, mean ${shown(mean!)}, median ${shown(median!)}`;
  const lines = broken([facts, ...rest].join(", "), width - LEFT - RIGHT);
  const top = headHeight(lines.length);
  const bottom = top + PANEL;
  const height = bottom + BELOW;
  const y = scaleLinear([0, Math.max(...bars)], [bottom, top]);
  return (
    <Picture
      {...{ box, width }}
      height={height}
      name={`${title}_histogram`}
      role="img"
      aria-label={`Histogram: ${facts}`}
    >
      <Head left={LEFT} title={title} keys={[]} />
      <Lines lines={lines} x={LEFT} y={38} />
      <Levels marks={y.ticks(5).filter(Number.isInteger)} y={y} from={LEFT} to={width - RIGHT} />
      {bars.map((bar, i) => (
        <rect
          key={i}
          x={x(low + i * each)}
          y={y(bar)}
          width={Math.max(x(low + (i + 1) * each) - x(low + i * each) - 1, 0.5)}
          height={y(0) - y(bar)}
          fill="var(--series-0)"
        />
      ))}
      {median !== null && (
        <line x1={x(median)} x2={x(median)} y1={top} y2={y(0)} stroke="var(--series-1)" stroke-dasharray="4 4" />
      )}
      {x.ticks(Math.max(Math.floor(width / 90), 2)).map((mark) => (
        <text key={mark} x={x(mark)} y={bottom + 17} text-anchor="middle">
          {shown(mark)}
        </text>
      ))}
      <text x={(LEFT + width - RIGHT) / 2} y={height - 6} text-anchor="middle" font-size="13">
        loss
      </text>
    </Picture>
  );
}
