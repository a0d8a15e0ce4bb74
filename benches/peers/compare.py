"""Runs wgloss and its peers by turns, each in a process of its own, and prints a Markdown table of
their shortest times in milliseconds, and one of the memory that they take.

In brackets stands by how much a peer takes longer than wgloss: than its CPU backend with the same
settings, and on a GPU than its GPU backend. A peer whose loss differs by more than 1e-4 has no time.
"reuse" has MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=-1, with which glibc gives no memory back to
the system between runs; wgloss writes its outputs into the memory of the run before (`--reuse`). NumPy
puts the peers' inputs into large pages, so on the CPU wgloss's get them too, from glibc.

Memory is what a process has resident at most in a run beyond what it had before, in MB (10^6 bytes): outputs,
and what is kept to compute them. On Linux, of what runs on processors and gives freed memory back.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PEER = Path(__file__).with_name("peer.py")
REUSE = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
AGREEMENT = 1e-4


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__)
    parser.add_argument("--wgloss", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--burn", help="also time Burn")
    parser.add_argument("--rounds", type=int, default=3, help="processes for each number")
    parser.add_argument("--threads", type=int, default=2, help="threads of each")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="all by default")
    arguments = parser.parse_args()
    rows = all_rows(arguments)
    print("| workload | " + " | ".join(row.name for row in rows) + " |")
    print("| --- |" + " ---: |" * len(rows))
    memory = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names(arguments):
            measured, memory[name] = times(arguments, rows, Path(folder), name)
            print(f"| `{name}` | " + " | ".join(cell(row, measured) for row in rows) + " |", flush=True)
    titles = [row.name for row in rows if any(row.name in own for own in memory.values())]
    if titles:
        print("\n| MB beyond the inputs | " + " | ".join(titles) + " |")
        print("| --- |" + " ---: |" * len(titles))
        for name, own in memory.items():
            cells = (f"{own[title] / 1e6:.3g}" if title in own else "-" for title in titles)
            print(f"| `{name}` | " + " | ".join(cells) + " |")


class Row:
    """What is timed: a command for a workload's folder, and what it is compared with."""

    def __init__(self, name, command, base=None, environment=None, time="min_ms"):
        self.name, self.command, self.base, self.time = name, command, base, time
        self.environment = environment or {}


def all_rows(arguments):
    def wgloss(backend, *more):
        command = [arguments.wgloss, "bench", "--json", "--backend", backend, *more]
        return lambda folder: [*command, folder.name]

    def peer(name, device="cpu"):
        options = ["--device", device, "--threads", str(arguments.threads)]
        return lambda folder: [sys.executable, str(PEER), name, str(folder), *options]

    cpu, reuse, gpu = "wgloss CPU", "wgloss CPU, reuse", "wgloss GPU"
    rows = [
        Row(gpu, wgloss("gpu")),
        Row(cpu, wgloss("cpu"), environment=LARGE_PAGES),
        Row(reuse, wgloss("cpu", "--reuse"), cpu, REUSE | LARGE_PAGES),
    ]
    for name, title in [("eager", "PyTorch"), ("compile", "torch.compile"), ("jax", "JAX")]:
        rows.append(Row(title, peer(name), cpu))
        rows.append(Row(f"{title}, reuse", peer(name), reuse, REUSE))
    if arguments.burn:
        # Burn's times are by the host's clock, and so must be what they are compared with.
        wall = f"{gpu}, wall"
        rows.append(Row(wall, wgloss("gpu"), time="wall_min_ms"))
        rows.append(Row("Burn", lambda folder: [arguments.burn, str(folder)], wall))
    if torch_sees_a_gpu():
        titles = [("eager", "PyTorch"), ("compile", "torch.compile"), ("liger", "Liger-Kernel")]
        for name, title in titles:
            rows.append(Row(f"{title}, CUDA", peer(name, "cuda"), gpu))
    return rows


def torch_sees_a_gpu():
    command = [sys.executable, "-c", "import torch; print(torch.cuda.is_available())"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() == "True"


def names(arguments):
    """The workloads of the command line, or all that wgloss knows."""
    if arguments.workloads:
        return arguments.workloads
    command = [arguments.wgloss, "bench", "--list"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def times(arguments, rows, folder, name):
    """The shortest time of each row, or why there is none, and the least memory of those that tell it. The rows
    take turns, so that what else the machine does meets all of them."""
    subprocess.run([arguments.wgloss, "bench", name, "--write-inputs", folder], check=True)
    measured, values, failed, memory = {}, {}, {}, {}
    for turn in range(arguments.rounds):
        for row in rows:
            if row.name in failed:
                continue
            print(f"{name}: {row.name}, {turn + 1} of {arguments.rounds}", file=sys.stderr)
            result, problem = run(arguments, row, folder / name)
            if problem:
                failed[row.name] = problem
                print(f"  failed: {problem}", file=sys.stderr)
                continue
            measured[row.name] = min(measured.get(row.name, result[row.time]), result[row.time])
            values[row.name] = result["value"]
            # Where freed memory is kept, a run takes none.
            if result.get("memory_bytes") is not None and row.environment.keys().isdisjoint(REUSE):
                memory[row.name] = min(memory.get(row.name, math.inf), result["memory_bytes"])
    expected = values.get("wgloss CPU")
    for peer, value in values.items():
        # Not the other way round: a NaN is no agreement.
        if expected is not None and not abs(value - expected) <= AGREEMENT * max(1, abs(expected)):
            print(f"WARNING: {name}: {peer} has {value}, wgloss {expected}", file=sys.stderr)
            measured[peer] = None
    for array in (folder / name).iterdir():
        array.unlink()
    return measured, memory


def run(arguments, row, folder):
    """The row's numbers, or what went wrong."""
    threads = str(arguments.threads)
    counts = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"]
    environment = {**os.environ, **dict.fromkeys(counts, threads), **row.environment}
    done = subprocess.run(
        row.command(folder),
        env=environment,
        capture_output=True,
        text=True,
        # JAX has as many threads as it may use processors.
        preexec_fn=lambda: limit_processors(arguments.threads),
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return None, (done.stderr.strip().splitlines() or ["nothing printed"])[-1]
    result = json.loads(lines[-1])
    # wgloss's own have what they ran on beside the one row.
    result = result["rows"][0] if "rows" in result else result
    return (None, result["error"]) if result.get("error") else (result, None)


def limit_processors(count):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def cell(row, measured):
    if row.name not in measured:
        return "-"
    time, base = measured[row.name], measured.get(row.base)
    if time is None:
        return "wrong loss"
    shown = f"{time:.4g}"
    return f"{shown} ({time / base:.2f}x)" if base else shown


if __name__ == "__main__":
    main()
