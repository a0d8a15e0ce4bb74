"""The program: `python -m wgloss eval cross_entropy input=logits.npy target=labels.npy`."""

import sys

from ._native import run


def main() -> int:
    """Runs the program with the arguments of this process."""
    return run(["wgloss", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
