"""Runs wgloss and its peers by turns, each in a process of its own, and prints a Markdown table of
their shortest times in milliseconds, and one of the memory that they take.

In brackets stands by how much a peer takes longer than wgloss: than its CPU backend with the same
settings, and on a GPU than its GPU backend. A peer whose loss differs by more than 1e-4 has no time.
"reuse" has MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=-1, with which glibc gives no memory back to
the system between runs; wgloss writes its outputs into the memory of the run before (`--reuse`). NumPy
puts the peers' inputs into large pages, so on the CPU wgloss's get them too, from glibc.

Memory is what a process has resident at its peak, in MiB, beyond what the same program has with a workload
of a kilobyte, and beyond the inputs: outputs, and what is kept to compute them. On Linux, of what runs on
processors.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PEER = Path(__file__).with_name("peer.py")
REUSE = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
AGREEMENT = 1e-4
# Of next to no memory.
SMALL = "small_mse_fwdbwd"


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
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        _, least, _ = times(arguments, rows, Path(folder), SMALL)
        for name in names(arguments):
            measured, peak, inputs = times(arguments, rows, Path(folder), name)
            peaks[name] = {row: of - least[row] - inputs for row, of in peak.items() if row in least}
            print(f"| `{name}` | " + " | ".join(cell(row, measured) for row in rows) + " |", flush=True)
    on_processors = [row for row in rows if row.measures_memory]
    print("\n| memory, MiB | " + " | ".join(row.name for row in on_processors) + " |")
    print("| --- |" + " ---: |" * len(on_processors))
    for name, of in peaks.items():
        cells = (f"{max(of[row.name], 0):.0f}" if row.name in of else "-" for row in on_processors)
        print(f"| `{name}` | " + " | ".join(cells) + " |")


class Row:
    """What is timed: a command for a workload's folder, and what it is compared with."""

    def __init__(self, name, command, base=None, environment=None, time="min_ms", memory=False):
        self.name, self.command, self.base, self.time = name, command, base, time
        self.environment = environment or {}
        self.measures_memory = memory and sys.platform == "linux"


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
        Row(cpu, wgloss("cpu"), environment=LARGE_PAGES, memory=True),
        Row(reuse, wgloss("cpu", "--reuse"), cpu, REUSE | LARGE_PAGES),
    ]
    for name, title in [("eager", "PyTorch"), ("compile", "torch.compile"), ("jax", "JAX")]:
        rows.append(Row(title, peer(name), cpu, memory=True))
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
    """The shortest time of each row, or why there is none, the MiB at their peaks, and those of the
    inputs. The rows take turns, so that what else the machine does meets all of them."""
    subprocess.run([arguments.wgloss, "bench", name, "--write-inputs", folder], check=True)
    inputs = sum(array.stat().st_size for array in (folder / name).glob("*.npy")) / 2**20
    measured, values, failed, peaks = {}, {}, {}, {}
    for turn in range(arguments.rounds):
        for row in rows:
            if row.name in failed:
                continue
            print(f"{name}: {row.name}, {turn + 1} of {arguments.rounds}", file=sys.stderr)
            result, problem, peak = run(arguments, row, folder / name)
            if problem:
                failed[row.name] = problem
                print(f"  failed: {problem}", file=sys.stderr)
                continue
            measured[row.name] = min(measured.get(row.name, result[row.time]), result[row.time])
            values[row.name] = result["value"]
            peaks[row.name] = min(peaks.get(row.name, peak), peak)
    expected = values.get("wgloss CPU")
    for peer, value in values.items():
        # Not the other way round: a NaN is no agreement.
        if expected is not None and not abs(value - expected) <= AGREEMENT * max(1, abs(expected)):
            print(f"WARNING: {name}: {peer} has {value}, wgloss {expected}", file=sys.stderr)
            measured[peer] = None
    for array in (folder / name).iterdir():
        array.unlink()
    return measured, peaks, inputs


def run(arguments, row, folder):
    """The row's numbers, or what went wrong, and the MiB that were resident at most."""
    threads = str(arguments.threads)
    counts = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"]
    environment = {**os.environ, **dict.fromkeys(counts, threads), **row.environment}
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            row.command(folder),
            env=environment,
            stdout=printed,
            stderr=errors,
            # JAX has as many threads as it may use processors.
            preexec_fn=lambda: limit_processors(arguments.threads),
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0), errors.seek(0)
        lines, said = (each.read().strip().splitlines() for each in (printed, errors))
    if process.returncode or not lines:
        return None, (said or ["nothing printed"])[-1], None
    result = json.loads(lines[-1])
    # wgloss's own have what they ran on beside the one row.
    result = result["rows"][0] if "rows" in result else result
    problem = result.get("error")
    return (None, problem, None) if problem else (result, None, usage.ru_maxrss / 1024)


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
