// The text of a loss, to be edited.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { effect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Wrong } from "../engine";
import { colours, wgsl } from "./wgsl";

interface Given {
  text: Signal<string>;
  wrong: Signal<Wrong | undefined>;
  /** Takes the function that puts the cursor where something is wrong. */
  jump: { current: (wrong: Wrong) => void };
}

/** The place of a line and a column that counts characters, in a document that counts UTF-16. */
function place({ doc }: EditorState, { line, column }: Wrong): number {
  const { from, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return from + [...text].slice(0, column - 1).join("").length;
}

/** The word there, or what else can be underlined: the end of a line has nothing after it. */
function diagnostic(state: EditorState, wrong: Wrong): Diagnostic {
  const at = place(state, wrong);
  const line = state.doc.lineAt(at);
  const from = at === line.to ? Math.max(at - 1, line.from) : at;
  const word = /^[\p{L}\p{N}_]+|^./u.exec(line.text.slice(from - line.from))?.[0] ?? "";
  return { from, to: from + word.length, severity: "error", message: wrong.reason };
}

/** Puts a text into the editor that was not typed there. */
function replace(view: EditorView, text: string): void {
  const { state } = view;
  if (state.doc.eq(state.toText(text))) return;
  view.dispatch({ changes: { from: 0, to: state.doc.length, insert: text }, selection: { anchor: 0 } });
}

export function Editor({ text, wrong, jump }: Given) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const view = new EditorView({
      parent: box.current!,
      doc: text.peek(),
      extensions: [
        lineNumbers(),
        history(),
        // Tab is left to the browser, so that the keyboard gets out of the editor.
        keymap.of([...defaultKeymap, ...historyKeymap]),
        wgsl,
        syntaxHighlighting(colours),
        indentUnit.of("    "),
        indentOnInput(),
        bracketMatching(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "The loss in WGSL", spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) text.value = update.state.doc.toString();
        }),
      ],
    });
    jump.current = (wrong) => {
      view.dispatch({ selection: { anchor: place(view.state, wrong) }, scrollIntoView: true });
      view.focus();
    };
    // At once, as effects of signals are: with those of hooks, which come after the next picture, an older text
    // would take the place of what was typed since.
    const ends = [
      effect(() => replace(view, text.value)),
      effect(() => view.dispatch(setDiagnostics(view.state, wrong.value ? [diagnostic(view.state, wrong.value)] : []))),
    ];
    return () => {
      for (const end of ends) end();
      view.destroy();
    };
  }, []);

  return <div class="editor" ref={box} />;
}
