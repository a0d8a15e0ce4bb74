// The text of a loss, to be edited.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import type { Wrong } from "../engine";
import { colours, wgsl } from "./wgsl";

interface Given {
  text: string;
  wrong: Wrong | undefined;
  change: (text: string) => void;
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

export function Editor({ text, wrong, change, jump }: Given) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const changed = useRef(change);
  changed.current = change;

  useEffect(() => {
    const made = new EditorView({
      parent: box.current!,
      doc: text,
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
          if (update.docChanged) changed.current(update.state.doc.toString());
        }),
      ],
    });
    view.current = made;
    jump.current = (wrong) => {
      made.dispatch({ selection: { anchor: place(made.state, wrong) }, scrollIntoView: true });
      made.focus();
    };
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const { state, dispatch } = view.current!;
    if (state.doc.eq(state.toText(text))) return;
    dispatch.call(view.current, { changes: { from: 0, to: state.doc.length, insert: text }, selection: { anchor: 0 } });
  }, [text]);

  useEffect(() => {
    const { state } = view.current!;
    view.current!.dispatch(setDiagnostics(state, wrong ? [diagnostic(state, wrong)] : []));
  }, [wrong]);

  return <div class="editor" ref={box} />;
}
