"""The types that the package tells a checker."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

HERE = Path(__file__).parent
USER = HERE / "typed_user.py"


def test_the_stubs_are_those_of_the_module() -> None:
    config = ("--mypy-config-file", str(HERE.parent / "pyproject.toml"))
    ran = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *config, "wgloss"],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_strict_checker_takes_what_is_right_and_nothing_else(tmp_path: Path) -> None:
    """Lines marked `wrong: CODE` must be errors with this code, and no others."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary"),
            *("--cache-dir", str(tmp_path), "--hide-error-context", str(USER)),
        ],
        capture_output=True,
        text=True,
        cwd="/",
    )
    found = re.findall(r"typed_user\.py:(\d+): error: .*\[([\w-]+)\]", ran.stdout)
    lines = enumerate(USER.read_text().splitlines(), 1)
    marked = [(number, re.search(r"# wrong: ([\w-]+)", line)) for number, line in lines]
    wanted = [(str(number), match[1]) for number, match in marked if match]
    assert wanted
    assert found == wanted, ran.stdout + ran.stderr
