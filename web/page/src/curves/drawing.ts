// What is drawn of losses.
import { useRef } from "preact/hooks";
import type { Choice, Curve, Plot } from "../engine";
import type { Drawing } from "./chart";

/** The points of a curve: at least one for each pixel, so that a kink is sharp. */
export const POINTS = 801;

/** A choice as it is called in a picture. */
export function named(choice: Choice): string {
  return [choice.loss, ...choice.values.map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** What is drawn of losses that are called so. */
export function drawingOf(plot: Plot, titles: string[], names: string[]): Drawing | undefined {
  const lines = plot.losses.flatMap((loss, i) => {
    if ("problem" in loss) return [];
    return [{ name: names[i]!, values: loss.values, slopes: loss.slopes, label: loss.description.label }];
  });
  if (!lines.length) return undefined;
  const xName = [...new Set(lines.map((line) => line.label))].join(", ");
  const title = [...new Set(titles)].join(", ");
  return { title, xName, from: plot.from, to: plot.to, xs: plot.xs, heights: plot.heights, lines };
}

/** The last curve that was drawn: its fields stay while a number is being typed that is none yet. */
export function useLast(curve: Plot["losses"][number] | undefined): Curve | undefined {
  const last = useRef<Curve | undefined>(undefined);
  if (curve && !("problem" in curve)) last.current = curve;
  return last.current;
}
