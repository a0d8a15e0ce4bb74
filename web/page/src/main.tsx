// The page: its views, one of which is shown.
import { signal } from "@preact/signals";
import { render, type ComponentType } from "preact";
import { follow, view, VIEWS, type View } from "./address";
import { load } from "./catalogue";
import * as see from "./see/see";
import { Problem } from "./shown";

const NAMES: Record<View, string> = {
  see: "See",
  write: "Write",
  trust: "Trust",
  time: "Time",
  evaluate: "Evaluate",
};

/** A view that is loaded, and started, when it is shown for the first time. */
function lazily(load: () => Promise<{ start: () => void; View: ComponentType }>): ComponentType {
  const loaded = signal<ComponentType | undefined>(undefined);
  const problem = signal<string | undefined>(undefined);
  const begin = async () => {
    try {
      const { start, View } = await load();
      start();
      loaded.value = View;
    } catch (error) {
      problem.value = String(error);
    }
  };
  let begun: Promise<void> | undefined;
  return () => {
    begun ??= begin();
    const View = loaded.value;
    return View ? <View /> : <Problem text={problem.value} />;
  };
}

/** The first is there at once. */
const SHOWN: Record<View, ComponentType> = {
  see: see.View,
  write: lazily(() => import("./write/write")),
  trust: lazily(() => import("./trust/trust")),
  time: lazily(() => import("./time/time")),
  evaluate: lazily(() => import("./evaluate/evaluate")),
};

function Page() {
  const Shown = SHOWN[view.value];
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
        <Shown />
      </main>
      <footer>
        <small>Everything is computed in this page. Nothing leaves it.</small>
      </footer>
    </>
  );
}

follow();
load();
see.start();
render(<Page />, document.querySelector("#page")!);
