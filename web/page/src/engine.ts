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

/** The library in a thread of its own. */
class Thread {
  private readonly worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  private readonly remote = wrap(this.worker) as unknown as Call;
  private running = 0;
  private ending = false;

  readonly call: Call = async (...given) => {
    this.running++;
    try {
      return await this.remote(...given);
    } finally {
      this.running--;
      this.close();
    }
  };

  /** Ends when what it was asked for is done. */
  end(): void {
    this.ending = true;
    this.close();
  }

  private close(): void {
    if (this.ending && this.running === 0) this.worker.terminate();
  }
}

/** The custom texts that a thread reads before another one takes its place: the library keeps what it made of each. */
const MOST_TEXTS = 100;

/** The thread of curves. */
let quick = new Thread();
let texts = 0;
let lastText: string | undefined;
const call: Call = (...given) => quick.call(...given);

/** A thread for what takes long, so that curves do not wait for it. */
let long: Thread | undefined;
export function atLength(): Call {
  return (long ??= new Thread()).call;
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
  if (text !== lastText && ++texts > MOST_TEXTS) {
    quick.end();
    quick = new Thread();
    texts = 1;
  }
  lastText = text;
  return JSON.parse((await call("custom", name, text)) as string);
}

/** What the browser tells of the GPU, or why there is none. */
export type Adapter = { name: string; vendor: string } | { problem: string };

export async function adapter(): Promise<Adapter> {
  const problem = (await atLength()("missing_gpu")) as string | undefined;
  if (problem) return { problem };
  const found = (await (navigator as unknown as { gpu: Gpu }).gpu.requestAdapter())?.info;
  const parts = [found?.vendor, found?.architecture, found?.device, found?.description].filter((part) => part);
  return { name: parts.join(" ") || "not named by the browser", vendor: found?.vendor ?? "" };
}

/** What is asked of WebGPU by a script: the library has the rest. */
interface Gpu {
  requestAdapter(): Promise<{ info: { vendor: string; architecture: string; device: string; description: string } } | null>;
}

/** The hashes that the tests pin. */
export interface Pinned {
  loss: string;
  cpu: string;
  gpu: string;
}

export async function pinned(): Promise<Pinned[]> {
  return JSON.parse((await atLength()("pinned_losses")) as string);
}

/** What came out here: hashes, and how far the GPU's numbers are from the CPU's. */
export interface Bits {
  cpu: string;
  gpu?: string;
  difference?: number;
}

export async function bits(loss: string, onGpu: boolean): Promise<Bits> {
  return JSON.parse((await atLength()("bits", loss, onGpu)) as string);
}

/** A workload in one place. */
export interface Row {
  workload: string;
  backend: "gpu" | "cpu";
  median_ms: number | null;
  wall_ms: number | null;
  runs: number | null;
  clock: string | null;
  gb_per_s: number | null;
  roof_percent: number | null;
  error: string | null;
}

export interface Point {
  elements: number;
  gpu_ms: number | null;
  gpu_with_transfers_ms: number | null;
  cpu_ms: number | null;
  error: string | null;
}

/** The form of `wgloss bench --json`, as far as the page shows it. */
export interface Results {
  gpu: { name: string } | null;
  roofs: { gpu_copy_gb_per_s: number | null; cpu_copy_gb_per_s: number | null };
  rows: Row[];
  sizes: { family: string; gpu_wins_from: number | null; gpu_with_transfers_wins_from: number | null; points: Point[] }[];
}

export interface Benches {
  workloads: string[];
  families: string[];
  sizes: number[];
}

export const bench = {
  list: async (largest: number): Promise<Benches> => JSON.parse((await atLength()("bench_list", largest)) as string),
  start: async (date: string, browser: string) => {
    const gpu = await adapter();
    const [name, vendor] = "problem" in gpu ? ["", ""] : [gpu.name, gpu.vendor];
    await atLength()("bench_start", date, browser, name, vendor);
  },
  row: async (workload: string, place: "gpu" | "cpu") => void (await atLength()("bench_row", workload, place)),
  point: async (family: number, elements: number) => void (await atLength()("bench_point", family, elements)),
  /** As text, to be kept, and read. */
  results: async (): Promise<[string, Results]> => {
    const text = (await atLength()("bench_results")) as string;
    return [text, JSON.parse(text)];
  },
};

/** An array in an open file. */
export interface Place {
  file: number;
  member?: string;
}

export type Listed = { member: string | null } & ({ dtype: string; shape: number[] } | { problem: string });

/** Opens a file of arrays, until it is closed. */
export async function open(file: File): Promise<{ file: number; arrays: Listed[] }> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return JSON.parse((await atLength()("open_file", file.name, bytes)) as string);
}

export async function close(file: number): Promise<void> {
  await atLength()("close_file", file);
}

export interface Batch {
  choice: Choice;
  backend: "cpu" | "gpu";
  reduction: string;
  inputs: ({ name: string } & Place)[];
  gradients: string[];
}

export interface Histogram {
  bars: number[];
  low: number | null;
  high: number | null;
  count: number;
  least: number | null;
  largest: number | null;
  mean: number | null;
  median: number | null;
  ignored: number;
  nan: number;
  infinite: number;
}

export interface Evaluation {
  /** As text, since JSON has no NaN; none where losses are not reduced. */
  value: string | null;
  /** `.npy` files by name: unreduced losses as `value`, and gradients. */
  files: [string, Uint8Array][];
}

export async function evaluate(batch: Batch): Promise<Evaluation> {
  const [told, ...files] = (await atLength()("evaluate", JSON.stringify(batch))) as [string, ...Uint8Array[]];
  const { value, files: names } = JSON.parse(told) as { value: string | null; files: string[] };
  return { value, files: names.map((name, i) => [name, files[i]!]) };
}

export async function histogram(batch: Batch): Promise<Histogram> {
  return JSON.parse((await atLength()("histogram", JSON.stringify({ ...batch, reduction: "none", gradients: [] }))) as string);
}
