"""The notebook for learners runs, and holds nothing of the machine that ran it."""

import json
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
for needed in ("ipykernel", "matplotlib", "torch"):
    pytest.importorskip(needed)

NOTEBOOK = Path(__file__).parents[1] / "examples" / "losses.ipynb"


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(settings, str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    run = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [output for cell in run.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_the_notebook_names_no_machine() -> None:
    texts = []
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        texts += cell["source"]
        for output in cell.get("outputs", ()):
            texts += output.get("text", ())
            texts += output.get("data", {}).get("text/plain", ())
    assert texts
    assert not re.search(r"/home/|/root/|/tmp/|/usr/|[A-Z]:\\", "".join(texts))
