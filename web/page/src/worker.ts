// The library, in a thread of its own: the page stays quick whatever it computes.
import { expose } from "comlink";
import init, * as wgloss from "../wasm/wgloss.js";

const ready = init({ module_or_path: new URL("wgloss_bg.wasm", import.meta.url) });

/** Calls a function of the library when it is loaded. */
async function call(name: string, ...given: unknown[]): Promise<unknown> {
  await ready;
  return (wgloss as unknown as Record<string, (...given: unknown[]) => unknown>)[name]!(...given);
}

expose(call);
