// Compiles every text in a folder with Tint, which Chromium uses, on a Dawn device without a GPU.
// Browsers demand what naga does not check: above all, barriers in uniform control flow.
//
//     node check.mjs FOLDER

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';

const main = (body) => `@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { ${body} }`;

// What must be refused: a check that accepts one of these checks nothing.
const wrong = [
  ['a barrier where not all threads come', main('if i < 7 { workgroupBarrier(); } data[i] = 1;')],
  ['a barrier where the data decide', main('if data[0] == 7 { workgroupBarrier(); }')],
  ['a barrier after a return', main('if i > data[1] { return; } storageBarrier(); data[i] = 1;')],
  ['too many threads', main('data[i] = 1;').replace('64', '257')],
  ['a wrong type', main('data[i] = 1.5;')],
];

/** Why a text is refused as a compute pipeline; undefined if it is not. */
async function refusal(device, code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  return (await device.popErrorScope())?.message;
}

/** Checks every `step`-th text from `first` on; returns the number of what is wrong. */
async function check(folder, first, step) {
  // Dawn ends with this object, so it is kept. The device has WebGPU's default limits.
  globalThis.gpu = create(['backend=null']);
  const device = await (await gpu.requestAdapter()).requestDevice();
  let problems = 0;
  const tell = (what) => {
    problems += 1;
    if (problems <= 3) console.error(what);
  };
  for (const [what, code] of wrong) {
    if (!(await refusal(device, code))) tell(`tint: accepts ${what}`);
  }
  const files = readdirSync(folder).sort();
  for (let i = first; i < files.length; i += step) {
    const file = join(folder, files[i]);
    const code = readFileSync(file, 'utf8');
    const reason = await refusal(device, code);
    if (reason) tell(`${file}: ${code.split('\n', 1)}\n${reason}`);
  }
  return problems;
}

/** Checks all texts, with a process for each core. */
async function checkAll(folder) {
  const count = readdirSync(folder).length;
  if (count === 0) throw new Error(`${folder}: no kernel texts; run the tests first`);
  const processes = availableParallelism();
  const ends = Array.from({ length: processes }, (_, first) => {
    const part = [process.argv[1], folder, first, processes];
    return new Promise((end) => spawn(process.execPath, part, { stdio: 'inherit' }).on('exit', end));
  });
  const failed = (await Promise.all(ends)).some((code) => code !== 0);
  console.log(`tint: ${count} kernel texts, ${failed ? 'not all accepted' : 'all accepted'}`);
  return failed;
}

Object.assign(globalThis, globals);
const [folder, first, step] = process.argv.slice(2);
const bad = step ? await check(folder, Number(first), Number(step)) : await checkAll(folder);
// Dawn's threads would keep the process alive.
process.exit(bad ? 1 : 0);
