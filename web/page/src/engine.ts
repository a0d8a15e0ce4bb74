// What the library does for the page: its functions and the forms of what they take and give.
import { wrap } from "comlink";

export interface Option {
  name: string;
  type: "number" | "integer" | "flag" | "choice";
  default: number | boolean | string | null;
  valid: string;
  choices: string[];
  documentation: string | null;
}

export interface Loss {
  name: string;
  aliases: string[];
  summary: string;
  formula: string;
  documentation: string;
  inputs: { name: string; domain: string; optional: boolean; differentiable: boolean; documentation: string }[];
  options: Option[];
  reductions: string[];
}

/** A loss with options and numbers of its inputs by name, as texts. */
export interface Choice {
  loss: string;
  /** The text of a custom loss. */
  custom?: string;
  values: [string, string][];
  /** The number that varies: `input` or `input[1]`. */
  by?: string;
}

/** An input of a curve. */
export interface Field {
  name: string;
  optional: boolean;
  present: boolean;
  given: boolean;
  integers: boolean;
  logits: boolean;
  shape: number[];
  numbers: number[];
  domain: string;
  range: [number, number];
  by: string[];
}

export interface Curve {
  description: { loss: string; inputs: Field[]; by: string; label: string; others: string; range: [number, number] };
  options: Record<string, number | boolean | string | null>;
  values: Float32Array;
  slopes: Float32Array;
}

export interface Plot {
  from: number;
  to: number;
  xs: Float32Array;
  /** The lowest and the highest number to show, of the losses and of the slopes. */
  heights: [[number, number], [number, number]];
  losses: (Curve | { problem: string })[];
}

/** A custom loss, or what is wrong with it and where. */
export type Custom = { loss: Loss; derived: string } | Wrong;

/** Lines and columns count from 1, columns the characters of a line. */
export interface Wrong {
  line: number;
  column: number;
  reason: string;
}

type Call = (name: string, ...given: unknown[]) => Promise<unknown>;

function start(): Call {
  return wrap(new Worker(new URL("worker.js", import.meta.url), { type: "module" })) as unknown as Call;
}

const call = start();

/** A thread for what takes long, so that curves do not wait for it. */
let long: Call | undefined;
export function atLength(): Call {
  return (long ??= start());
}

export async function catalogue(): Promise<Loss[]> {
  return JSON.parse((await call("catalogue")) as string);
}

export async function plot(losses: Choice[], from: number | undefined, to: number | undefined, points: number): Promise<Plot> {
  const wanted = JSON.stringify({ losses, from, to, points });
  const [text, xs, ...arrays] = (await call("plot", wanted)) as [string, ...Float32Array[]];
  const plot = JSON.parse(text) as Plot;
  for (const loss of plot.losses) {
    if ("problem" in loss) continue;
    loss.values = arrays.shift()!;
    loss.slopes = arrays.shift()!;
  }
  return { ...plot, xs: xs! };
}

export async function custom(name: string, text: string): Promise<Custom> {
  return JSON.parse((await call("custom", name, text)) as string);
}
