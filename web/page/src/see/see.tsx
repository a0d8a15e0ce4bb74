// See: any losses with their slopes, over each other.
import { batch, effect, signal } from "@preact/signals";
import { choices, from, to, view } from "../address";
import { losses } from "../catalogue";
import { Chart, type Drawing } from "../curves/chart";
import { drawingOf, named, POINTS, useLast } from "../curves/drawing";
import { Inputs, Options } from "../curves/inputs";
import { Range } from "../curves/range";
import { ReadOut } from "../curves/read_out";
import { plot, type Choice, type Plot } from "../engine";
import { latest } from "../latest";
import { COLOURS, colour } from "../picture";
import { Problem } from "../shown";
import { About } from "./about";

const drawn = signal<Plot | undefined>(undefined);
/** The last picture that there was: it stays while no number of it is one. */
const drawing = signal<Drawing | undefined>(undefined);
const stale = signal(false);
const problem = signal<string | undefined>(undefined);
const at = signal(Math.round((POINTS - 1) * 0.75));

/** Begins to draw, and draws again with every change. */
export function start(): void {
  const draw = latest(
    async (choices: Choice[], from: number | undefined, to: number | undefined) => ({
      plot: await plot(choices, from, to, POINTS),
      choices,
    }),
    ({ plot, choices }) => {
      const now = drawingOf(plot, choices.map((choice) => choice.loss), choices.map(named));
      batch(() => {
        drawn.value = plot;
        drawing.value = now ?? drawing.value;
        stale.value = !now;
        problem.value = undefined;
      });
    },
    (message) => (problem.value = message),
  );
  effect(() => {
    if (view.value === "see") draw(choices.value, from.value, to.value);
  });
}

export function View() {
  const change = (i: number, choice: Choice) => (choices.value = choices.value.with(i, choice));
  const add = () => (choices.value = [...choices.value, { loss: "huber_loss", values: [] }]);
  const remove = (i: number) => (choices.value = choices.value.toSpliced(i, 1));
  return (
    <div class="see">
      <section class="picture" aria-label="Curves">
        <div class={stale.value ? "stale" : undefined}>
          <div class="stage">
            {drawing.value && <Chart drawing={drawing.value} at={at.value} point={(place) => (at.value = place)} />}
          </div>
          <Problem text={problem.value} />
          <ReadOut drawing={drawing.value} at={at.value} />
        </div>
        <Range plot={drawn.value} />
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
  const curve = drawn.value?.losses[i];
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
