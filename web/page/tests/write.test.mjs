// Write, as a person uses it: an example, a mistake and its mending, numbers that the program agrees with,
// and a link that gives the same again.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { native, npy, picture, start } from "./page.mjs";

const EXAMPLES = fileURLToPath(new URL("../../../examples/losses/", import.meta.url));

const example = (name) => readFileSync(`${EXAMPLES}${name}.wgsl`, "utf8");

/** Where curves end if nothing is said. */
const END = 3;

let pages;
before(async () => (pages = await start()));
after(() => pages.stop());

/** Loss and slope by the first input, as the program evaluates a text. */
function evaluated(text, inputs, parameters) {
  const folder = mkdtempSync(join(tmpdir(), "wgloss-"));
  try {
    const file = (name) => join(folder, name);
    writeFileSync(file("loss.wgsl"), text);
    const names = Object.keys(inputs);
    for (const name of names) writeFileSync(file(`${name}.npy`), npy("float32", [1], [inputs[name]]));
    const given = names.map((name) => `${name}=${file(`${name}.npy`)}`);
    const gradient = `${names[0]}=${file("gradient.npy")}`;
    const wanted = ["--reduction", "none", "--out", file("value.npy"), "--grad", gradient, "--backend", "cpu"];
    native("eval", "--custom", file("loss.wgsl"), ...given, ...parameters, ...wanted);
    const number = (name) => readFileSync(file(name)).readFloatLE(128);
    return { loss: number("value.npy"), slope: number("gradient.npy") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Loss and slope of one of the curves at the right end, where the point is moved. */
async function readOut(page, name) {
  await page.locator("svg.chart").press("End");
  await page.getByRole("columnheader", { name: new RegExp(`^p.* = ${END}$`) }).waitFor();
  const row = page.locator(".read-out tbody tr", { has: page.getByRole("rowheader", { name, exact: true }) });
  const [loss, slope] = (await row.locator("td").allInnerTexts()).map(Number);
  return { loss, slope };
}

/** Both as far as the page shows them. */
function alike(shown, expected) {
  for (const what of ["loss", "slope"]) {
    const error = Math.abs(shown[what] - expected[what]);
    assert.ok(error <= 1e-4 * Math.abs(expected[what]), `${what}: ${shown[what]}, expected ${expected[what]}`);
  }
}

const editor = (page) => page.getByRole("textbox", { name: "The loss in WGSL" });
const derived = (page) => page.getByRole("region", { name: "The derived WGSL" });
const line = (page, text) => page.locator(".cm-line", { hasText: text });

/** Puts the cursor behind a text of the editor. */
async function putBehind(page, text) {
  await line(page, text).click();
  await page.keyboard.press("End");
}

test("an example, a mistake, and the same loss mended", async () => {
  const page = await pages.open("#write");
  await page.getByRole("combobox", { name: "Example" }).selectOption("Charbonnier");
  await derived(page).getByText("fn gradient(p: f32, t: f32, c: Parameters)").waitFor();
  await page.getByRole("rowheader", { name: "charbonnier epsilon=0.1", exact: true }).waitFor();
  const text = example("charbonnier");
  const first = await readOut(page, "charbonnier epsilon=0.1");
  alike(first, evaluated(text, { p: END, t: 0 }, ["epsilon=0.1"]));

  const wrong = text.replace("c.epsilon));", "c.epsilon)) + é;");
  await putBehind(page, "return length");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(" + é");
  const rows = wrong.split("\n");
  const row = rows.findIndex((row) => row.includes("é"));
  const place = `Line ${row + 1}, column ${rows[row].indexOf("é") + 1}`;
  await page.getByRole("button", { name: place }).waitFor();
  await page.getByText("no definition in scope for identifier: `é`").waitFor();
  assert.equal(await page.locator(".cm-lintRange-error").innerText(), "é");
  assert.equal(await page.locator(".stale svg.chart").count(), 1, "the last curves stay");
  await picture(page, "write");

  await page.getByRole("button", { name: place }).click();
  await page.keyboard.press("Delete");
  await page.keyboard.type("2.0 * abs(p)");
  await derived(page).getByText("abs(p)").first().waitFor();
  await page.locator(".stale").first().waitFor({ state: "detached" });
  assert.equal(await page.locator(".cm-lintRange-error").count(), 0);
  const mended = wrong.replace("é", "2.0 * abs(p)");
  const now = await readOut(page, "charbonnier epsilon=0.1");
  assert.ok(now.loss > first.loss + 5);
  alike(now, evaluated(mended, { p: END, t: 0 }, ["epsilon=0.1"]));
});

test("a link and a reload give the same again", async () => {
  const page = await pages.open("#write");
  await page.getByRole("combobox", { name: "Example" }).selectOption("Expectile");
  await page.getByRole("textbox", { name: "Name" }).fill("mine");
  await page.getByRole("textbox", { name: "tau", exact: true }).fill("0.25");
  await page.getByRole("textbox", { name: "t", exact: true }).fill("-1.5");
  await page.getByRole("combobox", { name: "Compare with" }).selectOption("mse_loss");
  await page.getByRole("rowheader", { name: "mse_loss", exact: true }).waitFor();
  const name = "mine tau=0.25 t=-1.5";
  const shown = await readOut(page, name);
  alike(shown, evaluated(example("expectile"), { p: END, t: -1.5 }, ["tau=0.25"]));
  assert.equal((await readOut(page, "mse_loss")).loss, END ** 2);

  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await pages.open(link);
  for (const again of [other, page]) {
    if (again === page) await page.reload();
    await again.getByRole("rowheader", { name, exact: true }).waitFor();
    assert.deepEqual(await readOut(again, name), shown);
    assert.equal(await again.getByRole("textbox", { name: "Name" }).inputValue(), "mine");
    const lines = await again.locator(".cm-line").allInnerTexts();
    assert.equal(lines.map((line) => line.replace(/\n$/, "")).join("\n"), example("expectile"));
  }
});

test("every example is there and has curves", async () => {
  const page = await pages.open("#write");
  const list = page.getByRole("combobox", { name: "Example" });
  await list.waitFor();
  const names = await list.locator("option[title]").evaluateAll((all) => all.map((one) => one.title));
  assert.deepEqual(names, readdirSync(EXAMPLES).map((file) => file.replace(".wgsl", "")).sort());
  for (const [i, name] of names.entries()) {
    await list.selectOption({ index: i + 1 });
    await page.getByRole("rowheader", { name: new RegExp(`^${name}\\b`) }).waitFor();
    await page.locator(".stale").first().waitFor({ state: "detached" });
    const paths = await page.locator("svg.chart path").evaluateAll((all) => all.map((one) => one.getAttribute("d")));
    assert.ok(paths.every((path) => path.split("L").length > 300), `${name} has no curves`);
  }
});

test("the keyboard gets into the editor and out again", async () => {
  const page = await pages.open("#write");
  await page.getByRole("button", { name: "Copy link" }).focus();
  await page.keyboard.press("Tab");
  assert.ok(await editor(page).evaluate((own) => own === document.activeElement));
  await page.keyboard.press("Tab");
  assert.ok(await editor(page).evaluate((own) => own !== document.activeElement));
});

test("a number that is being typed leaves its field and the curves", async () => {
  const page = await pages.open("#write");
  const field = page.getByRole("textbox", { name: "scale", exact: true });
  await field.fill("-");
  await page.getByText('scale: - is not valid').waitFor();
  assert.equal(await page.locator(".stale svg.chart").count(), 1);
  await field.press("2");
  await page.getByRole("rowheader", { name: "cauchy scale=-2", exact: true }).waitFor();
  assert.equal(await page.locator(".stale").count(), 0);
});

test("it fits a phone, and nothing moves when something is wrong", async () => {
  const page = await pages.open("#write", { viewport: { width: 380, height: 800 } });
  await page.getByRole("combobox", { name: "Example" }).selectOption("PolyLoss of a logit (Poly-N)");
  await page.getByRole("rowheader", { name: /^poly_loss/ }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 380);
  const tops = () =>
    page.locator(".write > section, .card").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top + scrollY));
  const quiet = await tops();
  await putBehind(page, "struct Parameters");
  await page.keyboard.type("x");
  await page.getByRole("button", { name: "Line 13, column 5" }).waitFor();
  assert.deepEqual(await tops(), quiet);
  await picture(page, "write-phone");
});

test("what the library keeps of texts does not grow for ever", async () => {
  const page = await pages.open("#write");
  await page.getByRole("rowheader", { name: /^cauchy/ }).waitFor();
  const [first] = page.workers();
  const text = (i) => `fn value(p: f32, t: f32) -> f32 { return (p - t) * ${i}.0; }`;
  const end = (i) => page.getByRole("rowheader", { name: `n${i}`, exact: true });
  for (let i = 2; i <= 101; i++) {
    await page.evaluate((hash) => (location.hash = hash), `#write?title=n${i}&text=${encodeURIComponent(text(i))}`);
    await end(i).waitFor();
  }
  assert.equal(page.workers().length, 1);
  assert.notEqual(page.workers()[0], first);
});
