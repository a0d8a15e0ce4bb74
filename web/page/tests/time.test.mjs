// Time: the benchmarks run here, and their results are of the program's form.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { native, picture, start } from "./page.mjs";

test("a workload and some sizes are timed and downloaded", { timeout: 900_000 }, async (t) => {
  const site = await start();
  t.after(() => site.stop());
  const page = await site.open("#time");
  const boxes = page.getByRole("checkbox");
  await boxes.first().waitFor();
  const names = (await page.locator(".workloads label").allInnerTexts()).map((text) => text.trim());
  assert.deepEqual(names, native("bench", "--list").trim().split("\n"));
  for (const box of await boxes.all()) await box.uncheck();
  await page.getByRole("checkbox", { name: "small_mse_fwdbwd" }).check();
  await page.getByRole("button", { name: "Time the workloads" }).click();
  await page.locator(".times tbody td").nth(4).getByText("×").waitFor({ timeout: 300_000 });
  await page.locator(".doing button").waitFor({ state: "detached" });
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download the results" }).click(),
  ]);
  const file = await download.path();
  const results = JSON.parse(readFileSync(file, "utf8"));
  assert.equal(results.program, "page");
  assert.match(results.browser, /Chrom/);
  assert.deepEqual(results.rows.map(({ workload, backend, error }) => [workload, backend, error]), [
    ["small_mse_fwdbwd", "gpu", null],
    ["small_mse_fwdbwd", "cpu", null],
  ]);
  const [gpu, cpu] = results.rows;
  assert.ok(gpu.median_ms > 0 && cpu.median_ms > 0 && Math.abs(gpu.value - cpu.value) < 1e-5);
  const gain = Number.parseFloat(await page.locator(".times tbody td").nth(4).innerText());
  assert.ok(Math.abs(gain / (cpu.wall_ms / gpu.wall_ms) - 1) < 0.01, `a gain of ${gain}`);
  assert.ok(results.roofs.gpu_copy_gb_per_s > 0 && results.roofs.cpu_copy_gb_per_s > 0);

  await page.getByRole("button", { name: "Time the sizes" }).click();
  await page.getByRole("img", { name: "mse_loss: time against size" }).waitFor({ timeout: 300_000 });
  await page.getByRole("button", { name: "Stop after this" }).click();
  await page.locator(".doing button").waitFor({ state: "detached", timeout: 300_000 });
  // The workloads stay.
  assert.equal(await page.locator(".times tbody tr").count(), 1);
  await picture(page, "time");
});
