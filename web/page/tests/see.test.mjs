// See: curves of losses, as a reader uses them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { native, picture, start } from "./page.mjs";

let site;
before(async () => (site = await start()));
after(() => site.stop());

/** The table of the numbers at the point: names, losses, slopes. */
async function readOut(page) {
  const rows = await page.locator(".read-out tr").all();
  return Promise.all(rows.map(async (row) => (await row.locator("th, td").allInnerTexts()).map((text) => text.trim())));
}

test("three losses are there when the page is opened, at the numbers of their formulas", async () => {
  const page = await site.open();
  await page.waitForSelector(".read-out");
  assert.deepEqual(await readOut(page), [
    ["input = 1.5", "loss", "slope"],
    ["l1_loss", "1.5", "1"],
    ["mse_loss", "2.25", "3"],
    ["smooth_l1_loss", "1", "1"],
  ]);
  await picture(page, "see");
});

test("an option is slid, a target typed, and the address keeps both", async () => {
  const page = await site.open("#see?plot=huber_loss");
  const delta = page.getByRole("slider", { name: "delta, slider" });
  await delta.focus();
  await delta.fill("0.5");
  await page.getByRole("textbox", { name: "target" }).fill("1");
  // At 1.5 the difference is 0.5: 0.5^2 / 2.
  await page.waitForFunction(() => document.querySelector(".read-out td")?.textContent === "0.125");
  await page.waitForURL(/plot=huber_loss\+delta%3D0\.5\+target%3D1/);
  const again = await site.open(new URL(page.url()).hash);
  await again.waitForSelector(".read-out");
  assert.deepEqual((await readOut(again))[1].slice(1), ["0.125", "0.5"]);
});

test("the arrow keys move the point", async () => {
  const page = await site.open("#see?plot=mse_loss");
  await page.waitForSelector(".read-out");
  await page.locator("svg.chart").focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector(".read-out th")?.textContent === "input = −3");
  assert.deepEqual((await readOut(page))[1].slice(1), ["9", "−6"]);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => document.querySelector(".read-out th")?.textContent === "input = 2.9925");
});

test("an option that is not valid is refused by name, and mended", async () => {
  const page = await site.open("#see?plot=huber_loss&plot=mse_loss");
  await page.waitForSelector(".read-out");
  await page.getByRole("textbox", { name: "delta" }).fill("-1");
  await page.getByText("delta: -1 is not valid, expected a finite number above 0").waitFor();
  // The other curve stays.
  assert.deepEqual((await readOut(page))[1][0], "mse_loss");
  await page.getByRole("textbox", { name: "delta" }).fill("1");
  await page.waitForFunction(() => document.querySelectorAll(".read-out tbody tr").length === 2);
});

test("every loss of the catalogue has its curve, documentation and formula", async () => {
  const page = await site.open("#see?plot=mse_loss");
  await page.waitForSelector(".read-out");
  const losses = JSON.parse(native("list", "--json"));
  const choice = page.getByRole("combobox", { name: "Loss 1" });
  const offered = await choice.locator("option").allInnerTexts();
  assert.deepEqual(offered, losses.map((loss) => loss.name));
  for (const { name, formula } of losses) {
    await choice.selectOption(name);
    await page.waitForFunction((name) => document.querySelector(".read-out tbody th")?.textContent === name, name);
    const slopes = await page.locator(".read-out td").allInnerTexts();
    assert.ok(slopes.every((text) => /^−?[\d.e+−∞-]+$/.test(text)), `${name}: ${slopes}`);
    assert.equal(await page.locator(".formula").innerText(), formula);
    assert.ok(await page.locator("svg.chart path[d^=M]").count() >= 2, `${name} has no curves`);
  }
});

test("losses are added and removed", async () => {
  const page = await site.open("#see?plot=mse_loss");
  await page.waitForSelector(".read-out");
  await page.getByRole("button", { name: "Add a loss" }).click();
  await page.getByRole("combobox", { name: "Loss 2" }).selectOption("log_cosh_loss");
  await page.waitForFunction(() => document.querySelectorAll(".read-out tbody tr").length === 2);
  await page.getByRole("button", { name: "Remove mse_loss" }).click();
  await page.waitForFunction(() => document.querySelector(".read-out tbody th")?.textContent === "log_cosh_loss");
});

test("the picture is saved as SVG and PNG", async () => {
  const page = await site.open();
  await page.waitForSelector(".read-out");
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };
  const svg = await saved("Save as SVG");
  assert.equal(svg.name, "l1_loss_mse_loss_smooth_l1_loss.svg");
  const text = svg.bytes.toString();
  assert.ok(text.includes("#0072b2") && !text.includes("var("), "colours are numbers");
  assert.equal(text.match(/<path/g).length, 6);
  const png = await saved("Save as PNG");
  assert.deepEqual([...png.bytes.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
});

test("it fits a phone, and does not move while it loads", async () => {
  const page = await site.open("", { viewport: { width: 380, height: 800 } });
  await page.waitForSelector(".read-out");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 380);
  const shift = await page.evaluate(
    () =>
      new Promise((done) => {
        new PerformanceObserver((list) => done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe({
          type: "layout-shift",
          buffered: true,
        });
        setTimeout(() => done(0), 500);
      }),
  );
  assert.ok(shift < 0.1, `the layout shifted by ${shift}`);
  await picture(page, "see_phone");
});

test("long names are broken where a phone ends", async () => {
  const long = "gaussian_nll_loss+full=true+eps=0.000001234+target=0.123456+var=0.654321";
  const page = await site.open(`#see?plot=${long}&plot=mse_loss`, { viewport: { width: 380, height: 800 } });
  await page.waitForSelector(".read-out");
  const width = (await page.locator("svg.chart").boundingBox()).width;
  const ends = await page.locator("svg.chart text").evaluateAll((all) => all.map((one) => one.getBBox().x + one.getBBox().width));
  assert.ok(Math.max(...ends) <= width, `a text ends at ${Math.max(...ends)} of ${width}`);
  assert.ok((await page.locator("svg.chart tspan").count()) > 2);
  await picture(page, "see_long");
});

test("it works without WebGPU, in the dark", async (t) => {
  const without = await start({ webgpu: false });
  t.after(() => without.stop());
  const page = await without.open("", { colorScheme: "dark" });
  await page.waitForSelector(".read-out");
  assert.equal((await readOut(page))[2][1], "2.25");
  await picture(page, "see_dark");
});

test("a number that is being typed keeps its field", async () => {
  const page = await site.open("#see?plot=mse_loss");
  const field = page.getByRole("textbox", { name: "target" });
  await field.press("ControlOrMeta+A");
  await field.press("-");
  await page.getByText("target: - is not").waitFor();
  assert.equal(await page.locator(".stale svg.chart path").count(), 2);
  await page.keyboard.press("1");
  await page.waitForFunction(() => document.querySelector(".read-out tbody th")?.textContent === "mse_loss target=-1");
});
