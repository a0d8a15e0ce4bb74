// The built page in a real browser, served on loopback, off the network.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));
const TYPES = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

function browser() {
  const names = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = names.find((name) => name && existsSync(name));
  if (!found) throw new Error("no Chromium; on Debian: apt-get install chromium, or set CHROMIUM");
  return found;
}

/** Serves the page and starts a browser, with WebGPU on its software adapter or without it. */
export async function start({ webgpu = true } = {}) {
  const server = http.createServer((request, response) => {
    const path = request.url.split("?")[0];
    const file = dist + (path === "/" ? "/index.html" : path);
    if (path.includes("..") || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[file.split(".").pop()] ?? "text/plain" });
    response.end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const flags = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ];
  if (webgpu) flags.push("--enable-unsafe-webgpu");
  const started = await chromium.launch({ executablePath: browser(), args: flags });
  const problems = [];

  /** A new page at a view; what goes wrong in it is kept. */
  async function open(hash = "", options = {}) {
    const context = await started.newContext({ viewport: { width: 1280, height: 900 }, permissions: ["clipboard-read", "clipboard-write"], ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on("pageerror", (error) => problems.push(`${error.name}: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(address) && !/^(blob|data):/.test(url)) problems.push(`a request of ${url}`);
    });
    await page.goto(hash.startsWith("http") ? hash : address + hash);
    return page;
  }

  /** Ends, and fails if anything went wrong in a page or it asked for what is not its own. */
  async function stop() {
    await started.close();
    server.close();
    assert.deepEqual(problems, []);
  }
  return { open, stop };
}

/** What the native program prints. */
export function native(...given) {
  const program = process.env.WGLOSS ?? `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/release/wgloss`;
  const ran = spawnSync(program, given, { cwd: root, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`wgloss ${given.join(" ")}: ${ran.stderr || ran.error}`);
  return ran.stdout;
}

/** A file of NumPy's format with float32 or int64. */
export function npy(dtype, shape, numbers) {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const kind = { float32: "<f4", int64: "<i8" }[dtype];
  let head = `{'descr': '${kind}', 'fortran_order': False, 'shape': ${tuple}, }`;
  head = head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11) + "\n";
  const data = dtype === "int64" ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers);
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, head.length & 255, head.length >> 8]);
  return Buffer.concat([start, Buffer.from(head), Buffer.from(data.buffer)]);
}

/** Where a test leaves a picture for people to look at, if they want some. */
export async function picture(page, name) {
  const folder = process.env.WGLOSS_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
