// The built page in a browser, for the tests: a server of its own and Chromium without a window.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const { chromium } = createRequire(new URL("../page/", import.meta.url))("playwright-core");

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Opens the page at a place such as `#write` as often as wanted, until it is closed. */
export async function started() {
  const server = createServer(({ url }, answer) => {
    const path = url.split("?")[0];
    const file = DIST + (path === "/" ? "/index.html" : path);
    if (!existsSync(file)) return answer.writeHead(404).end();
    answer.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" });
    createReadStream(file).pipe(answer);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-quic"],
  });
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  return {
    open: async (place) => {
      const page = await context.newPage();
      await page.goto(place.startsWith("#") ? address + place : place);
      return page;
    },
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
