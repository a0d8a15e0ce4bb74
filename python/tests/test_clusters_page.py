"""The code of docs/clusters.md runs, in its order, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

for package in ("ray", "dask", "distributed", "pyarrow", "torch"):
    pytest.importorskip(package)

PAGE = Path(__file__).parents[1] / "docs" / "clusters.md"
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GLOO_SOCKET_IFNAME": "lo",
    "WGLOSS_BACKEND": "cpu",
}
RAY = """\
import ray
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
         _node_ip_address="127.0.0.1")
"""
"""What keeps the page's Ray small, and on the loopback interface."""

WHOLE = """\
import wgloss
expected = wgloss.evaluate("cross_entropy", input=logits, target=labels, gradients=True).value
"""


def blocks() -> dict[str, str]:
    """The blocks of Python by their headings; those of one heading are joined."""
    joined: dict[str, str] = {}
    for section in re.split(r"^#+ ", PAGE.read_text(), flags=re.MULTILINE):
        found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        if found:
            joined[section.partition("\n")[0]] = "\n".join(found)
    return joined


def run(folder: Path, text: str, *launcher: str) -> None:
    (folder / "page.py").write_text(text)
    command = launcher or (sys.executable,)
    ran = subprocess.run(
        [*command, "page.py"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def guarded(text: str) -> str:
    """Dask's and torch's processes import the file anew: only the first one may do what it says."""
    return 'if __name__ == "__main__":\n' + "".join(f"    {line}\n" for line in text.splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run(folder, DATA)
    return folder


CODE = blocks()
DATA = CODE["Clusters"]
CHECK = "assert result.value == expected, (result.value, expected)\n"


def test_ray(folder: Path) -> None:
    code = CODE["Ray"]
    first, second = code.split("result = wgloss.ray.evaluate(\n")
    run(folder, f"{DATA}{WHOLE}{RAY}{first}{CHECK}result = wgloss.ray.evaluate(\n{second}{CHECK}")
    assert len(list((folder / "shards").glob("*.parquet.grad_input.npy"))) == 7


def test_dask_and_what_fails(folder: Path) -> None:
    code = CODE["Dask"] + CODE["When something fails"]
    assert code.count(".value") == 3
    code = re.sub(r"^( *)(\S.*\.value)$", r"\1assert \2 == expected", code, flags=re.MULTILINE)
    run(folder, guarded(DATA + WHOLE + code + CHECK))


def test_torchrun(folder: Path) -> None:
    code = CODE["torchrun"].replace(
        "    torch.distributed.destroy", f"    {CHECK}    torch.distributed.destroy"
    )
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")
    run(
        folder, DATA + WHOLE + code, *torchrun, "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"
    )


def test_an_engine_of_your_own(folder: Path) -> None:
    code = CODE["An engine of your own"]
    told = re.search(r"^totals\.missing  # (.*)$", code, re.MULTILINE)
    assert told
    code = code.replace(told[0], f"assert totals.missing == {told[1]}")
    run(folder, f"{DATA}{WHOLE}{code}assert totals.value == expected\n")
