// What the catalogue says of a loss.
import { Marked } from "marked";
import type { Loss } from "../engine";

const markdown = new Marked({ gfm: true });

export function About({ loss }: { loss: Loss }) {
  const { name, summary, formula, documentation, aliases } = loss;
  return (
    <details open>
      <summary>
        <h2>{name}</h2>
      </summary>
      <p>{summary}</p>
      <pre class="formula">{formula}</pre>
      <div class="documentation" dangerouslySetInnerHTML={{ __html: markdown.parse(documentation) as string }} />
      <p>
        <small>
          {aliases.length > 0 && <>Also known as {aliases.join(", ")}. </>}
          In Python <code>wgloss.{name}</code>, on the command line <code>wgloss eval {name}</code>.
        </small>
      </p>
    </details>
  );
}
