// Bundles the page into web/dist and says what it weighs.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../dist/");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
/** The published losses of the repository as a module: their names and texts. */
const examples = {
  name: "examples",
  setup(build) {
    const folder = here("../../examples/losses/");
    build.onResolve({ filter: /^examples$/ }, ({ path }) => ({ path, namespace: "examples" }));
    build.onLoad({ filter: /.*/, namespace: "examples" }, () => {
      const files = readdirSync(folder).filter((file) => file.endsWith(".wgsl")).sort();
      const imports = files.map((file, i) => `import text${i} from "./${file}";\n`);
      const all = files.map((file, i) => `{ name: "${file.slice(0, -".wgsl".length)}", text: text${i} }`);
      return { contents: `${imports.join("")}export default [${all}];`, resolveDir: folder };
    });
  },
};

await build({
  absWorkingDir: here("."),
  // The library stands beside them as a module of its own too, for programs and tests.
  entryPoints: [
    { in: "src/main.tsx", out: "main" },
    { in: "src/worker.ts", out: "worker" },
    { in: "src/style.css", out: "style" },
    { in: "wasm/wgloss.js", out: "wgloss" },
  ],
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  plugins: [examples],
  loader: { ".wgsl": "text" },
  legalComments: "none",
});
copyFileSync(here("wasm/wgloss_bg.wasm"), `${out}wgloss_bg.wasm`);
for (const file of ["index.html", "icon.svg"]) copyFileSync(here(`src/${file}`), out + file);

let all = 0;
for (const file of readdirSync(out).sort()) {
  const size = gzipSync(readFileSync(out + file), { level: 9 }).length;
  all += size;
  console.log(`${file.padEnd(24)} ${(size / 1000).toFixed(1).padStart(7)} kB gzip`);
}
console.log(`${"in all".padEnd(24)} ${(all / 1000).toFixed(1).padStart(7)} kB gzip`);
