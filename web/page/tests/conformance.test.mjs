// The conformance cases on WebGPU, in the browser's own compiler and driver, as tests/conformance/FORMAT.md
// says. All of them take minutes on a software adapter: WGLOSS_CASES=N takes every N-th (1 is all).
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { npy, start } from "./page.mjs";

const folder = fileURLToPath(new URL("../../../tests/conformance/", import.meta.url));
const every = Number(process.env.WGLOSS_CASES ?? 10);

/** The tensors of a safetensors file, as numbers. */
function tensors(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  const head = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const data = bytes.subarray(8 + length);
  return (name) => {
    const { dtype, shape, data_offsets } = head[name];
    const own = data.buffer.slice(data.byteOffset + data_offsets[0], data.byteOffset + data_offsets[1]);
    const kinds = { F64: Float64Array, F32: Float32Array, I64: BigInt64Array };
    return { dtype, shape, numbers: Array.from(new kinds[dtype](own), Number) };
  };
}

/** What is wrong with an answer, or nothing. */
function compared(what, got, want, scale) {
  if (String(got.shape) !== String(want.shape)) return `${what}: shape ${got.shape}, want ${want.shape}`;
  for (const [i, number] of want.numbers.entries()) {
    const own = got.numbers[i];
    if (Object.is(own, number) || own === number || (Number.isNaN(own) && Number.isNaN(number))) continue;
    const close = Number.isFinite(own) && Math.abs(own - number) <= 1e-5 * Math.abs(number) + 1e-6 * scale;
    if (!close) return `${what}: element ${i} is ${own}, want ${number}, scale ${scale}`;
  }
  return undefined;
}

/** Runs in the page: one answer for each case, or why there is none. */
async function run({ bytes, cases, backend }) {
  const wgloss = await import("/wgloss.js");
  await wgloss.default();
  // JSON has no NaN: numbers go as texts.
  const array = (bytes) => {
    const end = 10 + bytes[8] + 256 * bytes[9];
    const [, shape] = /'shape': \(([^)]*)\)/.exec(new TextDecoder().decode(bytes.subarray(10, end)));
    const numbers = Array.from(new Float32Array(bytes.slice(end).buffer), String);
    return { shape: shape.match(/\d+/g) ?? [], numbers };
  };
  const binary = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const { file } = JSON.parse(wgloss.open_file("set.safetensors", binary(bytes)));
  const losses = JSON.parse(wgloss.catalogue());
  const usual = (loss) => losses.find(({ name }) => name === loss).reductions[0];
  const answers = [];
  for (const { choice, reduction, inputs, gradients, upstream } of cases) {
    const given = upstream && JSON.parse(wgloss.open_file("upstream.npy", binary(upstream)));
    const places = inputs.map(([name, member]) => ({ name, file, member }));
    const wanted = {
      choice,
      backend,
      reduction: reduction ?? usual(choice.loss),
      inputs: places,
      gradients,
      upstream: given && { file: given.file },
    };
    try {
      const [told, ...files] = await wgloss.evaluate(JSON.stringify(wanted));
      answers.push(JSON.parse(told).files.map((name, i) => ({ name, ...array(files[i]) })));
    } catch (error) {
      answers.push({ kind: error.name, message: error.message });
    }
    if (given) wgloss.close_file(given.file);
  }
  return answers;
}

for (const backend of ["cpu", "gpu"]) {
  test(`conformance cases on the ${backend}, every ${every}`, { timeout: 3_000_000 }, async (t) => {
    const site = await start();
    t.after(() => site.stop());
    const failed = [];
    let passed = 0;
    for (const set of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
      const bytes = readFileSync(folder + set.replace(".json", ".safetensors"));
      const tensor = tensors(bytes);
      const cases = JSON.parse(readFileSync(folder + set, "utf8")).cases.filter((_, i) => i % every === 0);
      const wanted = cases.map((own) => {
        const { reduction, ...options } = own.options;
        const values = Object.entries(options).map(([name, value]) => [name, String(value)]);
        const upstream = own.grad_output && tensor(own.grad_output);
        return {
          choice: { loss: own.op, values },
          reduction,
          inputs: Object.entries(own.inputs),
          gradients: Object.keys(own.grads ?? {}),
          upstream: upstream && npy("float32", upstream.shape, upstream.numbers).toString("base64"),
        };
      });
      const page = await site.open();
      const answers = await page.evaluate(run, { bytes: bytes.toString("base64"), cases: wanted, backend });
      for (const [i, answer] of answers.entries()) {
        const own = cases[i];
        const problem = own.error ? refused(own, answer) : agrees(own, answer, tensor);
        if (problem) failed.push(`${own.id}: ${problem}`);
        else passed += 1;
      }
      await page.context().close();
    }
    console.log(`${backend}: ${passed} passed, ${failed.length} failed`);
    assert.deepEqual(failed, []);
    assert.ok(passed > 0);
  });
}

function agrees(own, answer, tensor) {
  if (answer.message) return answer.message;
  const [value, ...gradients] = answer.map((array) => ({ ...array, numbers: array.numbers.map(Number) }));
  const wrong = compared("loss", value, tensor(own.loss), own.loss_scale ?? 0);
  if (wrong) return wrong;
  for (const gradient of gradients) {
    const want = tensor(own.grads[gradient.name]);
    const sizes = want.numbers.map(Math.abs).filter((size) => !Number.isNaN(size));
    const scale = sizes.reduce((largest, size) => Math.max(largest, size), 0);
    const wrong = compared(`gradient of ${gradient.name}`, gradient, want, scale);
    if (wrong) return wrong;
  }
  return gradients.length === Object.keys(own.grads ?? {}).length ? undefined : "a gradient is missing";
}

/** A refusal names an input or option of the case; what the browser refuses is a failure. */
function refused(own, answer) {
  if (!answer.message) return "not refused";
  const names = [...Object.keys(own.inputs), ...Object.keys(own.options)];
  const ours = !["refused", "device_lost", "no_adapter"].includes(answer.kind);
  return ours && names.some((name) => answer.message.includes(name)) ? undefined : `refused as ${answer.message}`;
}
