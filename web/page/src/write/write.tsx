// Write: a loss of one's own, with the gradient that is derived from it.
import { batch, computed, effect, signal } from "@preact/signals";
import examples from "examples";
import { useRef } from "preact/hooks";
import { beside, choice, from, link, own, text, title, to, view } from "../address";
import { losses } from "../catalogue";
import { Copy } from "../copy";
import { Chart } from "../curves/chart";
import { drawingOf, named, POINTS, useLast } from "../curves/drawing";
import { Inputs, Options } from "../curves/inputs";
import { Range } from "../curves/range";
import { ReadOut } from "../curves/read_out";
import { custom, plot, type Choice, type Loss, type Option, type Plot, type Wrong } from "../engine";
import { latest } from "../latest";
import { colour } from "../picture";
import { download } from "../save";
import { Problem } from "../shown";
import { Editor } from "./editor";
import { Help } from "./help";
import { Code } from "./wgsl";

/** The example to begin with: short, with a parameter. */
const FIRST = "cauchy";
/** The time without a key after which a text is looked at: the library keeps what it made of each. */
const PAUSE = 150;

/** What is made of a text in which nothing is wrong. */
interface Made {
  loss: Loss;
  derived: string;
  /** What the text suggests to draw it with. */
  start: Choice;
}

interface Drawn {
  plot: Plot;
  /** What is drawn, under the names that it is shown with. */
  choices: Choice[];
}

/** The last of these; they stay while something is wrong. */
const made = signal<Made | undefined>(undefined);
const drawn = signal<Drawn | undefined>(undefined);
/** What is wrong with the text, and what is wrong with the numbers. */
const wrong = signal<Wrong | undefined>(undefined);
const problem = signal<string | undefined>(undefined);
const at = signal(Math.round((POINTS - 1) * 0.75));

/** What a text is plotted with, by a comment in the words of `wgloss plot`. */
function suggested(text: string): { start: Choice; from?: number; to?: number } {
  const start = choice(`custom ${/^\/\/ Plot: (.*)$/m.exec(text)?.[1] ?? ""}`);
  const end = (name: string) => {
    const number = Number(start.values.find(([own]) => own === name)?.[1]);
    return Number.isFinite(number) ? { [name]: number } : {};
  };
  return { start, ...end("from"), ...end("to") };
}

/** The custom loss with all its parameters: what is set, else what its text suggests, else 1. */
function whole({ loss, start }: Made, own: Choice): Choice {
  const inputs = loss.inputs.map(({ name }) => name);
  const options = loss.options.map(({ name }) => name);
  const ones = options.map((name): [string, string] => [name, "1"]);
  const values = new Map([...ones, ...start.values, ...own.values]);
  const known = [...values].filter(([name]) => inputs.includes(name) || options.includes(name));
  const by = [own.by, start.by].find((by) => by && inputs.includes(by));
  return { loss: "custom", values: known, ...(by ? { by } : {}) };
}

const chosen = computed(() => made.value && whole(made.value, own.value));

type Result = Wrong | { made: Made; drawn: Drawn } | { made: Made; problem: string };

async function make(
  name: string,
  text: string,
  own: Choice,
  beside: Choice | undefined,
  from: number | undefined,
  to: number | undefined,
): Promise<Result> {
  const read = await custom("custom", text);
  if ("reason" in read) return read;
  const { start, ...ends } = suggested(text);
  const made = { ...read, start };
  const first = whole(made, own);
  const others = beside ? [beside] : [];
  const choices = [{ ...first, loss: name }, ...others];
  try {
    const drawing = await plot([{ ...first, custom: text }, ...others], from ?? ends.from, to ?? ends.to, POINTS);
    const [curve] = drawing.losses;
    return curve && "problem" in curve ? { made, problem: curve.problem } : { made, drawn: { plot: drawing, choices } };
  } catch (refused) {
    return { made, problem: refused instanceof Error ? refused.message : String(refused) };
  }
}

function show(result: Result): void {
  batch(() => {
    wrong.value = "reason" in result ? result : undefined;
    problem.value = "problem" in result ? result.problem : undefined;
    if ("made" in result) made.value = result.made;
    if ("drawn" in result) drawn.value = result.drawn;
  });
}

function take(example: { name: string; text: string }): void {
  batch(() => {
    title.value = example.name;
    text.value = example.text;
    own.value = { loss: "custom", values: [] };
    from.value = to.value = undefined;
  });
}

/** Begins to look at the text, and looks again with every change. */
export function start(): void {
  if (!text.value) take(examples.find(({ name }) => name === FIRST) ?? examples[0]!);
  const look = latest(make, show, (message) => (problem.value = message));
  let before: string | undefined;
  effect(() => {
    if (view.value !== "write") return;
    const given = [title.value || "custom", text.value, own.value, beside.value, from.value, to.value] as const;
    const typed = before !== undefined && before !== text.value;
    before = text.value;
    const later = setTimeout(() => look(...given), typed ? PAUSE : 0);
    return () => clearTimeout(later);
  });
}

export function View() {
  const jump = useRef<(wrong: Wrong) => void>(() => {});
  return (
    <div class="write">
      <section class="text" aria-label="Text">
        <Bar />
        <Editor text={text} wrong={wrong} jump={jump} />
        <Message jump={(wrong) => jump.current(wrong)} />
      </section>
      <section class="curves" aria-label="Curves">
        <Curves />
      </section>
      <section class="derived" aria-label="Derived">
        <Derived />
        <Help />
      </section>
    </div>
  );
}

/** What an example is called in a list: the beginning of its first comment. */
function summary(text: string): string {
  return /^\/\/ ([^:,.\n]*)/.exec(text)?.[1] ?? "";
}

function Bar() {
  const shown = examples.findIndex((example) => example.text === text.value);
  return (
    <div class="row">
      <label>
        Example{" "}
        <select value={shown} onChange={(event) => take(examples[Number(event.currentTarget.value)]!)}>
          <option value={-1} disabled>
            (none)
          </option>
          {examples.map(({ name, text }, i) => (
            <option key={name} value={i} title={name}>
              {summary(text) || name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Name{" "}
        <input type="text" value={title.value} onInput={(event) => (title.value = event.currentTarget.value)} />
      </label>
      <Copy name="Copy link" text={link} />
    </div>
  );
}

/** What is wrong and where, or what the text is. */
function Message({ jump }: { jump: (wrong: Wrong) => void }) {
  const now = wrong.value;
  return (
    <div class="message" role="status">
      {now ? (
        <p class="problem">
          <button type="button" onClick={() => jump(now)}>
            Line {now.line}, column {now.column}
          </button>{" "}
          {now.reason}
        </p>
      ) : (
        made.value && <p>{described(made.value.loss)}</p>
      )}
    </div>
  );
}

function described({ inputs, options }: Loss): string {
  const names = (all: { name: string }[]) => all.map(({ name }) => name).join(", ");
  const parameters = options.length ? `; parameters: ${names(options)}` : "";
  const fixed = inputs.filter((input) => !input.differentiable);
  const without = fixed.length ? `; no gradient by ${names(fixed)}` : "";
  return `Inputs: ${names(inputs)}${parameters}${without}.`;
}

function Curves() {
  const now = drawn.value;
  if (!now) return <div class="stage" />;
  const drawing = drawingOf(now.plot, now.choices.map((choice) => choice.loss), now.choices.map(named));
  const [curve, second] = now.plot.losses;
  return (
    <>
      <div class={wrong.value || problem.value ? "stale" : undefined}>
        <div class="stage">
          {drawing && <Chart drawing={drawing} at={at.value} point={(place) => (at.value = place)} />}
        </div>
        <ReadOut drawing={drawing} at={at.value} />
      </div>
      <Range plot={now.plot} />
      <article class="card" style={{ borderColor: colour(0) }}>
        {made.value && <Options options={startingOptions(made.value)} choice={chosen.value!} change={set} />}
        {curve && !("problem" in curve) && <Inputs choice={chosen.value!} curve={curve} change={set} />}
        <Problem text={problem.value} />
      </article>
      <Beside curve={second} />
    </>
  );
}

/** The parameters, which have no defaults of their own, with those of the page. */
function startingOptions(made: Made): Option[] {
  const start = new Map(whole(made, { loss: "custom", values: [] }).values);
  return made.loss.options.map((option) => ({ ...option, default: Number(start.get(option.name)) }));
}

/** Keeps what is set, but not the text, which is elsewhere. */
function set({ values, by }: Choice): void {
  own.value = { loss: "custom", values, ...(by ? { by } : {}) };
}

/** A loss of the catalogue to compare with. */
function Beside({ curve }: { curve: Plot["losses"][number] | undefined }) {
  const now = beside.value;
  const last = useLast(curve);
  const loss = losses.value.find((loss) => loss.name === now?.loss);
  const change = (choice: Choice) => (beside.value = choice);
  const choose = (name: string) => (beside.value = name ? { loss: name, values: [] } : undefined);
  return (
    <article class="card" style={{ borderColor: now ? colour(1) : "var(--axis)" }}>
      <label class="row">
        Compare with
        <select value={now?.loss ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">nothing</option>
          {losses.value.map(({ name, summary }) => (
            <option key={name} title={summary}>
              {name}
            </option>
          ))}
          {now && !loss && <option>{now.loss}</option>}
        </select>
      </label>
      <Problem text={curve && "problem" in curve ? curve.problem : undefined} />
      {now && loss && <Options options={loss.options} choice={now} change={change} />}
      {now && last?.description.loss === now.loss && <Inputs choice={now} curve={last} change={change} />}
    </article>
  );
}

function Derived() {
  const now = made.value;
  const name = title.value || "custom";
  return (
    <>
      <div class="row">
        <h2>Derived gradient</h2>
        {now && <Copy name="Copy" text={() => now.derived} />}
        <button type="button" onClick={() => download(`${name}.wgsl`, new Blob([text.value], { type: "text/plain" }))}>
          Save the loss as {name}.wgsl
        </button>
      </div>
      <div class={wrong.value ? "stale" : undefined}>
        <Code text={now?.derived ?? ""} label="The derived WGSL" />
      </div>
    </>
  );
}
