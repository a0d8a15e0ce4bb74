// The state of the page, which is in its address: links and reloads keep it.
import { effect, signal } from "@preact/signals";
import type { Choice } from "./engine";

export const VIEWS = ["see", "write", "trust", "time", "evaluate"] as const;
export type View = (typeof VIEWS)[number];

/** What is shown, and what it is shown with: `#see?plot=l1_loss&plot=smooth_l1_loss beta=0.5`. */
export const view = signal<View>("see");
/** What the curves of losses are drawn of. */
export const choices = signal<Choice[]>([]);
export const from = signal<number | undefined>(undefined);
export const to = signal<number | undefined>(undefined);
/** The custom loss. */
export const text = signal("");
export const title = signal("custom");
/** What was set of the custom loss, and what is drawn beside it. */
export const own = signal<Choice>({ loss: "custom", values: [] });
export const beside = signal<Choice | undefined>(undefined);

const FIRST = ["l1_loss", "mse_loss", "smooth_l1_loss"];

/** A loss in the words of `wgloss plot`; `by=` says what varies. */
function words(choice: Choice): string {
  const by: [string, string][] = choice.by ? [["by", choice.by]] : [];
  return [choice.loss, ...[...choice.values, ...by].map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** A loss that such words name. */
export function choice(words: string): Choice {
  const [loss = "", ...rest] = words.split(" ").filter((word) => word);
  const pairs = rest.map((word): [string, string] => {
    const place = word.indexOf("=");
    return place < 0 ? [word, ""] : [word.slice(0, place), word.slice(place + 1)];
  });
  const by = pairs.find(([name]) => name === "by")?.[1];
  return { loss, values: pairs.filter(([name]) => name !== "by"), ...(by ? { by } : {}) };
}

function number(text: string | null): number | undefined {
  const number = Number(text);
  return text && Number.isFinite(number) ? number : undefined;
}

/** Takes the state from the address. */
function read(): void {
  const [name, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  const given = new URLSearchParams(query);
  view.value = VIEWS.find((known) => known === name) ?? "see";
  const plots = given.getAll("plot").map(choice);
  if (view.value === "see") choices.value = plots.length ? plots : FIRST.map(choice);
  from.value = number(given.get("from"));
  to.value = number(given.get("to"));
  if (given.has("text")) {
    text.value = given.get("text")!;
    title.value = given.get("title") ?? "custom";
    own.value = plots[0] ?? { loss: "custom", values: [] };
    beside.value = plots[1];
  }
}

function written(): string {
  const query = new URLSearchParams();
  if (view.value === "see") for (const choice of choices.value) query.append("plot", words(choice));
  if (view.value === "write") {
    query.set("title", title.value);
    query.set("text", text.value);
    query.append("plot", words(own.value));
    if (beside.value) query.append("plot", words(beside.value));
  }
  if (view.value === "see" || view.value === "write") {
    if (from.value !== undefined) query.set("from", String(from.value));
    if (to.value !== undefined) query.set("to", String(to.value));
  }
  const rest = query.toString();
  return `#${view.value}${rest ? `?${rest}` : ""}`;
}

/** Where all that is shown is found again. */
export function link(): string {
  return new URL(written(), location.href).href;
}

/** Browsers refuse an address that changes with every movement of a slider. */
const PAUSE = 200;

/** Begins with the state of the address and keeps it there. */
export function follow(): void {
  let known = location.hash;
  read();
  addEventListener("hashchange", () => {
    known = location.hash;
    read();
  });
  let waiting: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const address = written();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      // Another one, which a link has led to, is about to be read.
      if (location.hash !== known || address === known) return;
      history.replaceState(null, "", address);
      known = location.hash;
    }, PAUSE);
  });
}
