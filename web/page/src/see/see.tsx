// See: any losses with their slopes, over each other.
import { computed, effect, signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { choices, from, to, view } from "../address";
import { catalogue, plot, type Choice, type Curve, type Loss, type Plot } from "../engine";
import { latest } from "../latest";
import { Problem, shown } from "../shown";
import { About } from "./about";
import { Chart, COLOURS, colour, type Drawing } from "./chart";
import { Inputs, Options } from "./inputs";

/** The points of a curve: at least one for each pixel, so that a kink is sharp. */
export const POINTS = 801;

export const losses = signal<Loss[]>([]);
const drawn = signal<{ plot: Plot; choices: Choice[] } | undefined>(undefined);
const problem = signal<string | undefined>(undefined);
const at = signal(Math.round((POINTS - 1) * 0.75));

/** Begins to draw, and draws again with every change. */
export function start(): void {
  void catalogue().then((all) => (losses.value = all));
  const draw = latest(
    async (choices: Choice[], from: number | undefined, to: number | undefined) => ({
      plot: await plot(choices, from, to, POINTS),
      choices,
    }),
    (result) => {
      drawn.value = result;
      problem.value = undefined;
    },
    (message) => (problem.value = message),
  );
  effect(() => {
    if (view.value === "see") draw(choices.value, from.value, to.value);
  });
}

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

const drawing = computed((): Drawing | undefined => {
  if (!drawn.value) return undefined;
  const { plot, choices } = drawn.value;
  return drawingOf(plot, choices.map((choice) => choice.loss), choices.map(named));
});

export function See() {
  const change = (i: number, choice: Choice) => (choices.value = choices.value.with(i, choice));
  const add = () => (choices.value = [...choices.value, { loss: "huber_loss", values: [] }]);
  const remove = (i: number) => (choices.value = choices.value.toSpliced(i, 1));
  return (
    <div class="see">
      <section class="picture" aria-label="Curves">
        <div class="stage">
          {drawing.value && <Chart drawing={drawing.value} at={at.value} point={(place) => (at.value = place)} />}
        </div>
        <Problem text={problem.value} />
        <ReadOut drawing={drawing.value} at={at.value} />
        <Range plot={drawn.value?.plot} />
      </section>
      <section class="losses" aria-label="Losses">
        {choices.value.map((choice, i) => (
          <Card key={i} {...{ choice, i }} change={(choice) => change(i, choice)} remove={() => remove(i)} />
        ))}
        {choices.value.length < COLOURS && (
          <button type="button" onClick={add}>
            Add a loss
          </button>
        )}
      </section>
      <section class="about" aria-label="Documentation">
        {[...new Set(choices.value.map((choice) => choice.loss))].map((name) => {
          const loss = losses.value.find((loss) => loss.name === name);
          return loss && <About key={name} loss={loss} />;
        })}
      </section>
    </div>
  );
}

/** The last curve that was drawn: its fields stay while a number is being typed that is none yet. */
export function useLast(curve: Plot["losses"][number] | undefined): Curve | undefined {
  const last = useRef<Curve | undefined>(undefined);
  if (curve && !("problem" in curve)) last.current = curve;
  return last.current;
}

function Card({
  choice,
  i,
  change,
  remove,
}: {
  choice: Choice;
  i: number;
  change: (choice: Choice) => void;
  remove: () => void;
}) {
  const loss = losses.value.find((loss) => loss.name === choice.loss);
  const curve = drawn.value?.plot.losses[i];
  const last = useLast(curve);
  return (
    <article class="card" style={{ borderColor: colour(i) }}>
      <div class="row">
        <select
          aria-label={`Loss ${i + 1}`}
          value={choice.loss}
          onChange={(event) => change({ loss: event.currentTarget.value, values: [] })}
        >
          {losses.value.map(({ name, summary }) => (
            <option key={name} title={summary}>
              {name}
            </option>
          ))}
          {!loss && <option>{choice.loss}</option>}
        </select>
        {choices.value.length > 1 && (
          <button type="button" aria-label={`Remove ${choice.loss}`} onClick={remove}>
            Remove
          </button>
        )}
      </div>
      <Problem text={curve && "problem" in curve ? curve.problem : undefined} />
      {loss && <Options options={loss.options} {...{ choice, change }} />}
      {last?.description.loss === choice.loss && <Inputs {...{ choice, change }} curve={last} />}
    </article>
  );
}

/** The numbers at the point. */
export function ReadOut({ drawing: now, at }: { drawing: Drawing | undefined; at: number }) {
  if (!now) return null;
  const place = Math.min(at, now.xs.length - 1);
  return (
    <table class="read-out" aria-live="polite">
      <thead>
        <tr>
          <th scope="col">
            {now.xName} = {shown(now.xs[place]!)}
          </th>
          <th scope="col">loss</th>
          <th scope="col">slope</th>
        </tr>
      </thead>
      <tbody>
        {now.lines.map((line, i) => (
          <tr key={i}>
            <th scope="row">
              <span class="dot" style={{ background: colour(i) }} />
              {line.name}
            </th>
            <td>{shown(line.values[place]!)}</td>
            <td>{shown(line.slopes[place]!)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Range({ plot }: { plot: Plot | undefined }) {
  const end = (text: string) => (text.trim() && Number.isFinite(Number(text)) ? Number(text) : undefined);
  const shownEnd = (given: number | undefined, usual: number | undefined) => String(given ?? usual ?? "");
  return (
    <div class="row range">
      <label>
        from{" "}
        <input
          type="text"
          inputMode="decimal"
          value={shownEnd(from.value, plot?.from)}
          onChange={(event) => (from.value = end(event.currentTarget.value))}
        />
      </label>
      <label>
        to{" "}
        <input
          type="text"
          inputMode="decimal"
          value={shownEnd(to.value, plot?.to)}
          onChange={(event) => (to.value = end(event.currentTarget.value))}
        />
      </label>
    </div>
  );
}
