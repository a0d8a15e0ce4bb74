// Trust: the bits of pinned batches, on the CPU and on the browser's GPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, start } from "./page.mjs";

// Their power is the platform's own.
const powers = ["focal_tversky_loss", "sigmoid_focal_loss", "softmax_focal_loss"];
// Processors fuse products with sums, and WebAssembly does not.
const faces = ["arc_face_loss", "cos_face_loss"];
const pairs = ["info_nce_loss", "nt_xent_loss", "sigmoid_contrastive_loss", "sup_con_loss"];
const own = [...powers, ...faces, ...pairs];

test("on the CPU the bits are those of the tests, on the GPU the numbers are close", { timeout: 600_000 }, async (t) => {
  const site = await start();
  t.after(() => site.stop());
  const page = await site.open("#trust");
  const button = page.getByRole("button", { name: "Compare the bits" });
  await button.click();
  await page.waitForSelector("button:not([disabled])", { timeout: 500_000 });
  const rows = await page.locator(".bits tbody tr").all();
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const name = await row.locator("th").innerText();
    const cells = await row.locator("td").allInnerTexts();
    for (const [pinned, here] of [cells.slice(0, 2), cells.slice(2, 4)]) {
      const [hash, said] = here.split(/\s+/);
      assert.match(hash, /^[\da-f]{16}$/, `${name}: ${cells}`);
      assert.equal(said, hash === pinned ? "same" : "other", `${name}: ${cells}`);
    }
    if (!own.includes(name)) assert.match(cells[1], /same$/, `${name} on the CPU: ${cells}`);
    assert.ok(Number(cells[4].replace("−", "-")) < 1e-5, `${name}: the GPU is ${cells[4]} from the CPU`);
  }
  console.log(await page.locator("[aria-live]").first().innerText());
  await picture(page, "trust");
});

test("without WebGPU the page says so, and compares the CPU's", { timeout: 600_000 }, async (t) => {
  const site = await start({ webgpu: false });
  t.after(() => site.stop());
  const page = await site.open("#trust");
  await page.getByText("No GPU:").waitFor();
  await page.getByRole("button", { name: "Compare the bits" }).click();
  await page.waitForSelector("button:not([disabled])", { timeout: 500_000 });
  const [, same, all] = (await page.locator("[aria-live]").first().innerText()).match(/^CPU: the same bits for (\d+) of (\d+)$/);
  assert.ok(Number(all) > 20 && Number(all) - Number(same) <= own.length, `${same} of ${all}`);
});
