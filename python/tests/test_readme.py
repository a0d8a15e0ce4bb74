"""The code of README.md runs, in its order, and its numbers are right."""

import re
from pathlib import Path
from typing import Any

import pytest

import wgloss

README = Path(__file__).parents[1] / "README.md"


def test_the_code_runs() -> None:
    for package in ("torch", "jax"):
        pytest.importorskip(package)
    if not wgloss.adapters():
        pytest.skip("there is no GPU and no software adapter")
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    told = 0
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
        for expression, value in re.findall(r"^(\S.*?)  # (np\.\S+)$", block, re.MULTILINE):
            assert repr(eval(expression, names)) == value
            told += 1
    assert told
