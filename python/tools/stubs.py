"""Writes the package's type stubs: from the native module, and from the catalogue in it.

python tools/stubs.py          # with the package installed, and maturin
python tools/stubs.py --check  # fails if a stub is not what would be written
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import wgloss.jax
import wgloss.torch
from wgloss._catalogue import ENTRIES, Argument, Entry
from wgloss._torch_functions import arguments as torch_arguments

PACKAGE = Path(__file__).parents[1] / "wgloss"
MADE = "# Made by tools/stubs.py.\n"

OTHERS = {
    "input_lengths": "list[int] | tuple[int, ...]",
    "logit_lengths": "list[int] | tuple[int, ...]",
    "target_lengths": "list[int] | tuple[int, ...]",
    "var": "float",
}
"""What PyTorch takes for some inputs beside tensors."""

OPTIONS = {"float": "float", "int": "int", "bool": "bool", "str": "str", "object": "Any"}


def native() -> str:
    """What maturin finds in the native module, with the types that it leaves open."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "maturin", "generate-stubs", "--quiet"]
        command += ["--profile", "stubs", "--out", folder, "--interpreter", sys.executable]
        subprocess.run(command, check=True, cwd=PACKAGE.parent)
        text = (Path(folder) / "wgloss" / "_native.pyi").read_text()
    text = re.sub(r"(\*\*?[a-z_]+)([,)])", r"\1: Any\2", text)
    text = re.sub(r"\bdict\b(?!\[)", "dict[str, Any]", text)
    text = re.sub(r"(?<=: )tuple\b(?!\[)", "tuple[Any, ...]", text)
    text = re.sub(r": \"([^\"]*)\"", r": \1", text)
    return MADE + text


def signature(given: Iterable[Argument], array: str, others: dict[str, str]) -> str:
    """Typed arguments, of which some may be no arrays."""
    parts: list[str] = []
    for each in given:
        if each.keyword_only and "*" not in parts:
            parts.append("*")
        if each.kind == "input":
            kind = f"{array} | {others[each.name]}" if each.name in others else array
            kind = f"{kind} | None" if each.has_default else kind
        else:
            kind = OPTIONS[each.type]
            if each.has_default and each.default is None and kind != "Any":
                kind += " | None"
        parts.append(f"{each.name}: {kind}" + (f" = {each.default!r}" if each.has_default else ""))
    if "*" not in parts:
        parts.append("*")
    return ", ".join([*parts, "backend: str | None = None"])


def functions(
    array: str,
    result: str,
    given: Callable[[Entry], list[Argument]] = lambda entry: entry.arguments,
    others: dict[str, str] | None = None,
) -> str:
    """A line for each loss."""
    lines = [
        f"def {entry.name}({signature(given(entry), array, others or {})}) -> {result}: ..."
        for entry in ENTRIES
    ]
    return "\n".join(lines) + "\n"


def names(module: Any) -> str:
    """The names that a module gives away."""
    return f"__all__ = {sorted(module.__all__)!r}\n"


def losses() -> str:
    """The functions of `wgloss`, which take whatever NumPy, PyTorch or JAX makes arrays of."""
    head = f"{MADE}from typing import Any\n\n__all__ = {[e.name for e in ENTRIES]!r}\n\n"
    return head + functions("Any", "Any")


def package() -> str:
    """What `wgloss` itself gives away."""
    own = [name for name in wgloss.__all__ if name not in wgloss._losses.__all__]
    native = [name for name in own if hasattr(wgloss._native, name) and name != "catalogue"]
    taken = {
        "._catalogue": ["catalogue"],
        "._losses": wgloss._losses.__all__,
        "._native": native,
    }
    lines = [
        f"from {module} import {', '.join(f'{name} as {name}' for name in names)}\n"
        for module, names in taken.items()
    ]
    return f"{MADE}{''.join(lines)}\n__version__: str\n\n__all__ = {wgloss.__all__!r}\n"


def jax() -> str:
    """The functions of `wgloss.jax`, which take whatever jax.numpy makes arrays of."""
    head = f"{MADE}from typing import Any\n\nimport jax\n\nfrom ._jax import Custom as Custom\n\n"
    return f"{head}{names(wgloss.jax)}\n{functions('Any', 'jax.Array')}"


def torch() -> str:
    """The functions and modules of `wgloss.torch`."""
    head = f"{MADE}from typing import Any\n\nimport torch\nfrom torch import Tensor\n\n"
    head += "from ._torch import Custom as Custom, patch as patch\n\n"
    text = functions("Tensor", "Tensor", torch_arguments, OTHERS)
    return f"{head}{names(wgloss.torch)}\n{text}\n{chr(10).join(map(module, ENTRIES))}"


def module(entry: Entry) -> str:
    """The module of a loss."""
    own = next(m for m in wgloss.torch._MODULES if m.__doc__ and f".{entry.name}`" in m.__doc__)
    base = own.__mro__[1].__name__
    head = f"class {own.__name__}(torch.nn.{base}):\n"
    if base != "Module":
        return head + "    ...\n"
    settings = [each for each in entry.arguments if each.kind != "input"]
    construct = signature(settings, "Tensor", {}).removesuffix(", *, backend: str | None = None")
    construct = construct.removesuffix(", backend: str | None = None")
    inputs = ", ".join(
        f"{fact['name']}: Tensor" + (" | None = None" if fact["optional"] else "")
        for fact in sorted(entry.inputs, key=lambda fact: fact["optional"])
    )
    return (
        f"{head}    def __init__(self, {construct}) -> None: ...\n"
        f"    def forward(self, {inputs}) -> Tensor: ...\n"
    )


FILES = {
    "__init__.pyi": package,
    "_losses.pyi": losses,
    "_native.pyi": native,
    "jax.pyi": jax,
    "torch.pyi": torch,
}


def main() -> int:
    """Writes the stubs, or compares them."""
    stale = []
    for name, text in FILES.items():
        file, expected = PACKAGE / name, text()
        if not file.exists() or file.read_text() != expected:
            stale.append(name)
            if "--check" not in sys.argv:
                file.write_text(expected)
    print(f"stubs: {', '.join(stale) or 'none'} changed")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
