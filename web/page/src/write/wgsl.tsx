// WGSL as far as its colours and its indentation go.
import { StreamLanguage, type StringStream } from "@codemirror/language";
import { highlightCode, tagHighlighter, tags } from "@lezer/highlight";

const KEYWORDS = words(
  "alias break case const const_assert continue continuing default diagnostic discard else enable fn for if let loop override requires return struct switch var while",
);
const CONSTANTS = words("true false");
const TYPES = /^(bool|f16|f32|i32|u32|vec[234][fhiu]?|mat[234]x[234][fh]?|array|atomic|ptr)$/;
const NUMBER = /^(0x[\da-f]*\.?[\da-f]*(p[+-]?\d+)?[fhiu]?|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[fhiu]?)/i;

function words(all: string): Set<string> {
  return new Set(all.split(" "));
}

interface State {
  /** The block comments that are open: they nest. */
  comments: number;
  brackets: number;
}

function comment(stream: StringStream, state: State): string {
  do {
    if (stream.match("/*")) state.comments++;
    else if (stream.match("*/")) state.comments--;
    else stream.next();
  } while (state.comments > 0 && !stream.eol());
  return "comment";
}

function token(stream: StringStream, state: State): string | null {
  if (state.comments > 0 || stream.match("/*", false)) return comment(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match("//")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match(NUMBER)) return "number";
  if (stream.match(/^@\s*\w+/)) return "meta";
  if (stream.match(/^[\p{XID_Start}_]\p{XID_Continue}*/u)) {
    const word = stream.current();
    if (KEYWORDS.has(word)) return "keyword";
    if (CONSTANTS.has(word)) return "atom";
    if (TYPES.test(word)) return "typeName";
    return stream.match(/^\s*\(/, false) ? "variableName.function" : null;
  }
  const sign = stream.next()!;
  if ("([{".includes(sign)) state.brackets++;
  if (")]}".includes(sign)) state.brackets--;
  return null;
}

export const wgsl = StreamLanguage.define<State>({
  name: "wgsl",
  startState: () => ({ comments: 0, brackets: 0 }),
  token,
  indent: ({ brackets }, after, { unit }) => unit * Math.max(brackets - (/^[)\]}]/.test(after) ? 1 : 0), 0),
  languageData: { commentTokens: { line: "//", block: { open: "/*", close: "*/" } } },
});

/** The classes of what is coloured. */
export const colours = tagHighlighter([
  { tag: tags.comment, class: "code-comment" },
  { tag: [tags.keyword, tags.meta], class: "code-keyword" },
  { tag: [tags.number, tags.atom], class: "code-number" },
  { tag: tags.typeName, class: "code-type" },
  { tag: tags.function(tags.variableName), class: "code-function" },
]);

/** A text that is read only. */
export function Code({ text, label }: { text: string; label: string }) {
  const parts: (string | preact.JSX.Element)[] = [];
  const put = (part: string, classes: string) => parts.push(classes ? <span class={classes}>{part}</span> : part);
  highlightCode(text, wgsl.parser.parse(text), colours, put, () => parts.push("\n"));
  return (
    <pre class="code" tabIndex={0} role="region" aria-label={label}>
      {parts}
    </pre>
  );
}
