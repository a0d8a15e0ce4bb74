// The page: its views, one of which is shown.
import { render } from "preact";
import { follow, view, VIEWS, type View } from "./address";
import * as see from "./see/see";

const NAMES: Record<View, string> = {
  see: "See",
  write: "Write",
  trust: "Trust",
  time: "Time",
  evaluate: "Evaluate",
};

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
      <main>{view.value === "see" && <see.See />}</main>
      <footer>
        <small>Everything is computed in this page. Nothing leaves it.</small>
      </footer>
    </>
  );
}

follow();
see.start();
render(<Page />, document.querySelector("#page")!);
