// The page: its views, one of which is shown.
import { signal } from "@preact/signals";
import { render, type ComponentType } from "preact";
import { follow, view, VIEWS, type View } from "./address";
import * as see from "./see/see";
import { Problem } from "./shown";

const NAMES: Record<View, string> = {
  see: "See",
  write: "Write",
  trust: "Trust",
  time: "Time",
  evaluate: "Evaluate",
};

/** A view that is loaded when it is shown for the first time. */
function lazily(load: () => Promise<ComponentType>): ComponentType {
  const loaded = signal<ComponentType | undefined>(undefined);
  const problem = signal<string | undefined>(undefined);
  let begun = false;
  return () => {
    if (!begun) void load().then((view) => (loaded.value = view), (error) => (problem.value = String(error)));
    begun = true;
    const View = loaded.value;
    return View ? <View /> : <Problem text={problem.value} />;
  };
}

const Write = lazily(async () => {
  const write = await import("./write/write");
  write.start();
  return write.Write;
});

const Trust = lazily(async () => {
  const trust = await import("./trust/trust");
  trust.start();
  return trust.Trust;
});

const Time = lazily(async () => {
  const time = await import("./time/time");
  time.start();
  return time.Time;
});

const Evaluate = lazily(async () => {
  const evaluate = await import("./evaluate/evaluate");
  evaluate.start();
  return evaluate.Evaluate;
});

function Page() {
  return (
    <>
      <header>
        <h1>wgloss</h1>
        <nav aria-label="Views">
          {VIEWS.map((name) => (
            <a key={name} href={`#${name}`} aria-current={view.value === name ? "page" : undefined}>
              {NAMES[name]}
            </a>
          ))}
        </nav>
      </header>
      <main>
        {view.value === "see" && <see.See />}
        {view.value === "write" && <Write />}
        {view.value === "trust" && <Trust />}
        {view.value === "time" && <Time />}
        {view.value === "evaluate" && <Evaluate />}
      </main>
      <footer>
        <small>Everything is computed in this page. Nothing leaves it.</small>
      </footer>
    </>
  );
}

follow();
see.start();
render(<Page />, document.querySelector("#page")!);
