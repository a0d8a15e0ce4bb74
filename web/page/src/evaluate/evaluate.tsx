// Evaluate: a loss of the reader's own arrays.
import { batch, computed, signal } from "@preact/signals";
import { losses } from "../catalogue";
import { Options } from "../curves/inputs";
import {
  adapter,
  close,
  evaluate,
  histogram,
  open,
  type Batch,
  type Choice,
  type Evaluation,
  type Histogram,
  type Listed,
  type Loss,
} from "../engine";
import { download } from "../save";
import { Problem } from "../shown";
import { Bars } from "./bars";

interface Opened {
  name: string;
  file: number;
  arrays: Listed[];
}

const files = signal<Opened[]>([]);
const choice = signal<Choice>({ loss: "cross_entropy", values: [] });
/** Which array each input is, by the keys below, and which inputs' gradients are wanted. */
const places = signal<Record<string, string>>({});
const gradients = signal<Set<string>>(new Set());
const reduction = signal<string | undefined>(undefined);
const backend = signal<"cpu" | "gpu">("cpu");
const hasGpu = signal(false);
const problem = signal<string | undefined>(undefined);
const busy = signal(false);
const result = signal<{ evaluation: Evaluation; histogram: Histogram | undefined; loss: string } | undefined>(undefined);

export function start(): void {
  void adapter().then((found) => (hasGpu.value = !("problem" in found)));
}

const loss = computed((): Loss | undefined => losses.value.find(({ name }) => name === choice.value.loss));

/** Every array that can be read, by a key: its file and its name there. */
const arrays = computed(() =>
  files.value.flatMap(({ name, file, arrays }) =>
    arrays.flatMap((array) =>
      "shape" in array
        ? [{ key: `${file}:${array.member ?? ""}`, name: array.member ? `${name}: ${array.member}` : name, file, array }]
        : [],
    ),
  ),
);

/** Gives inputs without an array those that are called alike, or else what is left in order. */
function assign(): void {
  const inputs = loss.value?.inputs ?? [];
  const known = new Set(arrays.value.map(({ key }) => key));
  const next = Object.fromEntries(
    Object.entries(places.value).filter(([name, key]) => known.has(key) && inputs.some((input) => input.name === name)),
  );
  const free = () => arrays.value.filter(({ key }) => !Object.values(next).includes(key));
  const words: Record<string, RegExp> = { input: /input|logits|pred|scores|output/i, target: /target|label|class|truth/i };
  for (const { name } of inputs) {
    const like = free().find((array) => (words[name] ?? new RegExp(name, "i")).test(array.name));
    if (!next[name] && like) next[name] = like.key;
  }
  for (const { name, optional } of inputs) {
    const [first] = free();
    if (!next[name] && !optional && first) next[name] = first.key;
  }
  places.value = next;
}

async function take(given: Iterable<File>): Promise<void> {
  problem.value = undefined;
  for (const file of given) {
    try {
      files.value = [...files.value, { name: file.name, ...(await open(file)) }];
    } catch (error) {
      problem.value = `${file.name}: ${(error as Error).message}`;
    }
  }
  assign();
}

function drop({ file }: Opened): void {
  void close(file);
  files.value = files.value.filter((own) => own.file !== file);
  assign();
}

function choose(next: Choice): void {
  batch(() => {
    const other = next.loss !== choice.value.loss;
    choice.value = next;
    result.value = undefined;
    if (other) {
      reduction.value = undefined;
      gradients.value = new Set();
      assign();
    }
  });
}

/** The batch, or what is missing of it. */
function wanted(loss: Loss): Batch | string {
  const inputs: Batch["inputs"] = [];
  for (const { name, optional } of loss.inputs) {
    const found = arrays.value.find(({ key }) => key === places.value[name]);
    if (found) inputs.push({ name, file: found.file, ...(found.array.member === null ? {} : { member: found.array.member }) });
    else if (!optional) return `${name}: no array, expected one of the files'`;
  }
  const given = inputs.map(({ name }) => name);
  return {
    choice: choice.value,
    backend: backend.value,
    reduction: reduction.value ?? loss.reductions[0]!,
    inputs,
    gradients: [...gradients.value].filter((name) => given.includes(name)),
  };
}

async function run(loss: Loss): Promise<void> {
  const batch = wanted(loss);
  result.value = undefined;
  if (typeof batch === "string") {
    problem.value = batch;
    return;
  }
  busy.value = true;
  problem.value = undefined;
  try {
    const evaluation = await evaluate(batch);
    const counted = loss.reductions.includes("none") ? await histogram(batch) : undefined;
    result.value = { evaluation, histogram: counted, loss: loss.name };
  } catch (error) {
    problem.value = (error as Error).message;
  }
  busy.value = false;
}

export function View() {
  const own = loss.value;
  return (
    <div class="evaluate">
      <p>
        Drop files of arrays: <code>.npy</code>, <code>.npz</code> or <code>.safetensors</code>. They are read by this
        page alone; nothing leaves it.
      </p>
      <label
        class="drop"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void take(event.dataTransfer?.files ?? []);
        }}
      >
        Drop files here, or choose them:{" "}
        <input
          type="file"
          multiple
          accept=".npy,.npz,.safetensors"
          onChange={(event) => {
            const chosen = [...(event.currentTarget.files ?? [])];
            event.currentTarget.value = "";
            void take(chosen);
          }}
        />
      </label>
      {files.value.length > 0 && <Files />}
      {own && <Form loss={own} />}
      <p class="row">
        <button type="button" disabled={busy.value || !own || !files.value.length} onClick={() => void run(own!)}>
          Evaluate
        </button>
        <span aria-live="polite">{busy.value && "Evaluating…"}</span>
      </p>
      <Problem text={problem.value} />
      {result.value && <Result />}
    </div>
  );
}

function Files() {
  return (
    <table class="files">
      <thead>
        <tr>
          <th scope="col">file</th>
          <th scope="col">array</th>
          <th scope="col">type</th>
          <th scope="col">shape</th>
          <th scope="col" />
        </tr>
      </thead>
      <tbody>
        {files.value.flatMap((file) =>
          file.arrays.map((array, i) => (
            <tr key={`${file.file}:${i}`}>
              <th scope="row">{i === 0 && file.name}</th>
              <td>{array.member}</td>
              {"problem" in array ? (
                <td colSpan={2} class="problem">
                  {array.problem}
                </td>
              ) : (
                <>
                  <td>{array.dtype}</td>
                  <td>{array.shape.length ? array.shape.join(" × ") : "one number"}</td>
                </>
              )}
              <td>
                {i === 0 && (
                  <button type="button" aria-label={`Remove ${file.name}`} onClick={() => drop(file)}>
                    Remove
                  </button>
                )}
              </td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  );
}

function Form({ loss }: { loss: Loss }) {
  const want = (name: string, on: boolean) => {
    const next = new Set(gradients.value);
    if (on) next.add(name);
    else next.delete(name);
    gradients.value = next;
  };
  return (
    <div class="card form">
      <label class="field">
        <span>loss</span>
        <select value={loss.name} onChange={(event) => choose({ loss: event.currentTarget.value, values: [] })}>
          {losses.value.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Options options={loss.options} choice={choice.value} change={choose} />
      <fieldset>
        <legend>inputs</legend>
        {loss.inputs.map(({ name, optional, differentiable }) => (
          <div class="row" key={name}>
            <label class="field">
              <span>{name}</span>
              <select
                value={places.value[name] ?? ""}
                onChange={(event) => (places.value = { ...places.value, [name]: event.currentTarget.value })}
              >
                <option value="">{optional ? "none" : "choose an array"}</option>
                {arrays.value.map(({ key, name }) => (
                  <option key={key} value={key}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            {differentiable && (
              <label>
                <input
                  type="checkbox"
                  checked={gradients.value.has(name)}
                  onChange={(event) => want(name, event.currentTarget.checked)}
                />{" "}
                gradient
                <span class="hidden"> of {name}</span>
              </label>
            )}
          </div>
        ))}
      </fieldset>
      <label class="field">
        <span>reduction</span>
        <select value={reduction.value ?? loss.reductions[0]} onChange={(event) => (reduction.value = event.currentTarget.value)}>
          {loss.reductions.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>on the</span>
        <select value={backend.value} onChange={(event) => (backend.value = event.currentTarget.value as "cpu" | "gpu")}>
          <option value="cpu">CPU</option>
          <option value="gpu" disabled={!hasGpu.value}>
            GPU{!hasGpu.value && " (the browser offers none)"}
          </option>
        </select>
      </label>
    </div>
  );
}

function Result() {
  const { evaluation, histogram, loss } = result.value!;
  return (
    <section aria-label="Result">
      {evaluation.value !== null && (
        <p class="value">
          {loss}: <output>{evaluation.value}</output>
        </p>
      )}
      <p class="row">
        {evaluation.files
          .filter(([name]) => name !== "value" || evaluation.value === null)
          .map(([name, bytes]) => {
            const called = name === "value" ? "the losses" : `the gradient of ${name}`;
            const file = name === "value" ? `${loss}.npy` : `${loss}_gradient_${name}.npy`;
            return (
              <button key={name} type="button" onClick={() => download(file, new Blob([bytes as Uint8Array<ArrayBuffer>]))}>
                Download {called}
              </button>
            );
          })}
      </p>
      {histogram && <Bars histogram={histogram} title={loss} />}
    </section>
  );
}
