// Time: the benchmarks on the reader's GPU, beside the CPU in WebAssembly.
import { signal } from "@preact/signals";
import { Copy } from "../copy";
import { bench, type Benches, type Results } from "../engine";
import { download } from "../save";
import { Problem, shown } from "../shown";
import { Sizes } from "./sizes";

/** The largest batch of a chart of sizes: more takes a browser's core long. */
const LARGEST = 1 << 22;
/** What is timed unless more is wished: each kind of kernel, and nothing that takes a core minutes. */
const LONG = /^linear|^ce_16384|^triplet|^cosine/;

const list = signal<Benches | undefined>(undefined);
const chosen = signal<Set<string>>(new Set());
const results = signal<[string, Results] | undefined>(undefined);
const doing = signal<string | undefined>(undefined);
const problem = signal<string | undefined>(undefined);
/** The family of which sizes are timed, by its place. */
const family = signal(0);
let stop = false;

export function start(): void {
  void bench.list(LARGEST).then((all) => {
    list.value = all;
    chosen.value = new Set(all.workloads.filter((name) => !LONG.test(name)));
  });
}

/** One step after the other; each is shown when it is done. */
async function run(steps: (results: Results) => [string, () => Promise<void>][]): Promise<void> {
  stop = false;
  problem.value = undefined;
  try {
    if (!results.value) {
      doing.value = "what a copy moves";
      await bench.start(new Date().toISOString().slice(0, 10), navigator.userAgent);
      results.value = await bench.results();
    }
    for (const [name, step] of steps(results.value[1])) {
      if (stop) break;
      doing.value = name;
      await step();
      results.value = await bench.results();
    }
  } catch (error) {
    problem.value = (error as Error).message;
  }
  doing.value = undefined;
}

function workloads(): Promise<void> {
  return run(({ gpu }) => {
    const places = gpu ? (["gpu", "cpu"] as const) : (["cpu"] as const);
    const names = list.value!.workloads.filter((name) => chosen.value.has(name));
    return names.flatMap((name) => places.map((place): [string, () => Promise<void>] => [`${name}, ${place}`, () => bench.row(name, place)]));
  });
}

function sizes(family: number): Promise<void> {
  const { families, sizes } = list.value!;
  return run(() => sizes.map((size) => [`${families[family]}, ${size} elements`, () => bench.point(family, size)]));
}

export function View() {
  const all = list.value;
  return (
    <div class="time">
      <p>
        The same workloads as <code>wgloss bench</code> times: inputs and outputs lie in memory beforehand, and a run is
        encoded, submitted and waited for. The GPU stands beside the CPU backend in WebAssembly on one core, and both
        beside what a copy moves there, which is the roof for most losses. Other programs and a warm machine disturb the
        times. Nothing is sent anywhere: the result is yours, to copy or to keep.
      </p>
      {all && <Choose all={all} />}
      <p class="doing" aria-live="polite">
        {doing.value && (
          <>
            Timing {doing.value}…{" "}
            <button type="button" onClick={() => (stop = true)}>
              Stop after this
            </button>
          </>
        )}
      </p>
      <Problem text={problem.value} />
      {results.value && <Measured text={results.value[0]} results={results.value[1]} />}
    </div>
  );
}

function Choose({ all }: { all: Benches }) {
  const busy = doing.value !== undefined;
  const toggle = (name: string, on: boolean) => {
    const next = new Set(chosen.value);
    if (on) next.add(name);
    else next.delete(name);
    chosen.value = next;
  };
  return (
    <>
      <fieldset class="workloads">
        <legend>workloads</legend>
        {all.workloads.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={chosen.value.has(name)}
              disabled={busy}
              onChange={(event) => toggle(name, event.currentTarget.checked)}
            />{" "}
            {name}
          </label>
        ))}
      </fieldset>
      <p class="row">
        <button type="button" disabled={busy || !chosen.value.size} onClick={() => void workloads()}>
          Time the workloads
        </button>
        <label>
          or sizes of{" "}
          <select value={family.value} disabled={busy} onChange={(event) => (family.value = Number(event.currentTarget.value))}>
            {all.families.map((name, i) => (
              <option key={name} value={i}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={busy} onClick={() => void sizes(family.value)}>
          Time the sizes
        </button>
      </p>
    </>
  );
}

function Measured({ text, results }: { text: string; results: Results }) {
  const { gpu, roofs, rows } = results;
  const names = [...new Set(rows.map((row) => row.workload))];
  return (
    <>
      <p>
        {gpu ? `GPU: ${gpu.name}; a copy moves ${shown(roofs.gpu_copy_gb_per_s!)} GB/s. ` : "No GPU: the browser offers no WebGPU adapter. "}
        CPU: WebAssembly; a copy moves {shown(roofs.cpu_copy_gb_per_s!)} GB/s.
      </p>
      {names.length > 0 && (
        <div class="wide">
          <table class="times">
            <thead>
              <tr>
                <th scope="col">workload</th>
                <th scope="col">GPU, ms</th>
                <th scope="col">of its copy</th>
                <th scope="col">CPU, ms</th>
                <th scope="col">of its copy</th>
                <th scope="col">GPU gains</th>
              </tr>
            </thead>
            <tbody>
              {names.map((name) => {
                const [onGpu, onCpu] = (["gpu", "cpu"] as const).map((place) =>
                  rows.find((row) => row.workload === name && row.backend === place),
                );
                const gain = onGpu?.wall_ms && onCpu?.wall_ms ? `${shown(Number((onCpu.wall_ms / onGpu.wall_ms).toPrecision(3)))}×` : "";
                return (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    {[onGpu, onCpu].map((row) =>
                      row?.error ? (
                        <td colSpan={2} class="problem">
                          {row.error}
                        </td>
                      ) : (
                        <>
                          <td>{row?.median_ms ? shown(Number(row.median_ms.toPrecision(3))) : ""}</td>
                          <td>{row?.roof_percent ? `${row.roof_percent.toFixed(0)} %` : ""}</td>
                        </>
                      ),
                    )}
                    <td>{gain}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {results.sizes.map((curve) => (
        <Sizes key={curve.family} curve={curve} />
      ))}
      <p class="row">
        <Copy text={() => text} name="Copy the results" />
        <button type="button" onClick={() => download("wgloss_results.json", new Blob([text], { type: "application/json" }))}>
          Download the results
        </button>
      </p>
    </>
  );
}
