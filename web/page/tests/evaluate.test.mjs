// Evaluate: files are dropped, and what comes out is what the native program says.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { native, npy, picture, start } from "./page.mjs";

const data = fileURLToPath(new URL("../../../examples/data/", import.meta.url));
let site;
before(async () => (site = await start()));
after(() => site.stop());

const choose = (page, files) => page.locator('input[type="file"]').setInputFiles(files);

for (const backend of ["cpu", "gpu"]) {
  test(`digits from two .npy files on the ${backend}`, async () => {
    const page = await site.open("#evaluate");
    await choose(page, [`${data}digits_logits.npy`, `${data}digits_labels.npy`]);
    await page.getByRole("checkbox", { name: "gradient of input" }).check();
    await page.getByRole("combobox", { name: "on the" }).selectOption(backend);
    await page.getByRole("button", { name: "Evaluate", exact: true }).click();
    const value = await page.locator("output").innerText();
    const folder = mkdtempSync(join(tmpdir(), "wgloss-"));
    const gradient = join(folder, "gradient.npy");
    const inputs = [`input=${data}digits_logits.npy`, `target=${data}digits_labels.npy`];
    const said = native("eval", "cross_entropy", ...inputs, "--grad", `input=${gradient}`, "--backend", "cpu", "--json");
    const program = JSON.parse(said).value;
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download the gradient of input" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "cross_entropy_gradient_input.npy");
    const [own, theirs] = [await download.path(), gradient].map((path) => readFileSync(path));
    rmSync(folder, { recursive: true });
    assert.equal(own.length, theirs.length);
    if (backend === "cpu") {
      assert.equal(Math.fround(Number(value)), Math.fround(program), "the same bits");
      assert.ok(own.equals(theirs), "the same gradient, to the last bit");
    } else {
      assert.ok(Math.abs(Number(value) - program) <= 1e-5 * Math.abs(program), `${value}, not ${program}`);
    }
    await page.getByRole("img", { name: /^Histogram: \d+ losses from/ }).waitFor();
    await picture(page, `evaluate_${backend}`);
  });
}

test("members of a .npz are arrays, and a wrong choice is refused by name", async () => {
  const page = await site.open("#evaluate");
  await choose(page, [`${data}digits.npz`]);
  await page.locator(".files tbody tr").first().waitFor();
  await page.getByRole("combobox", { name: "loss" }).selectOption("mse_loss");
  const bad = npy("float32", [3], [1, 2, 3]);
  await choose(page, [
    { name: "input.npy", mimeType: "application/octet-stream", buffer: bad },
    { name: "target.npy", mimeType: "application/octet-stream", buffer: npy("float32", [2], [1, 2]) },
  ]);
  const pick = async (input, file) => {
    const list = page.getByRole("combobox", { name: input, exact: true });
    const option = await list.locator("option", { hasText: file }).getAttribute("value");
    await list.selectOption(option);
  };
  await pick("input", "input.npy");
  await pick("target", "target.npy");
  await page.getByRole("button", { name: "Evaluate", exact: true }).click();
  await page.getByText(/target.*\[2\].*\[3\]|\[3\].*\[2\]/).waitFor();
});

test("a file that is none is refused by name", async () => {
  const page = await site.open("#evaluate");
  await choose(page, [{ name: "bad.npy", mimeType: "application/octet-stream", buffer: Buffer.from("no array") }]);
  await page.getByText("bad.npy: not an .npy array").waitFor();
});
