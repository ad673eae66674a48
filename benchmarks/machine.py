"""What this machine can do at most, what its neighbour takes from it, and what a step asks of it.

python -m benchmarks.machine peak THREADS     the best matrix product, as JSON
python -m benchmarks.machine neighbour        keep one core busy until killed
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.folders import SHAPES
from benchmarks.rows import Row
from benchmarks.side import ROOT

SIZE, TRIES, SMALL_TRIES = 1024, 60, 200


def cores() -> list[int]:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text


def facts() -> dict[str, Any]:
    """The machine in a few words; no name of it."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": name,
        "cores": len(cores()),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d"),
    }


def peaks(threads: int) -> dict[str, float]:
    """GFLOP/s of the best matrix product of this machine."""
    return told("peak", threads, {"OMP_WAIT_POLICY": "PASSIVE"})


def waiting(threads: int) -> dict[str, float]:
    """Milliseconds of a small product beside a busy neighbour, by how idle threads wait."""
    with neighbour(True):
        return {
            "passive": told("small", threads, {"OMP_WAIT_POLICY": "PASSIVE"})["ms"],
            "as torch comes": told("small", threads, {})["ms"],
        }


def told(what: str, threads: int, env: dict[str, str]) -> dict[str, float]:
    """What this file measures in a process of its own."""
    free = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-m", "benchmarks.machine", what, str(threads)]
    env = {**free, "OMP_NUM_THREADS": str(threads), **env}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def small_product(threads: int) -> dict[str, float]:
    """The mean over many products [32, 256] x [256, 768]: what stalls now and then counts."""
    import torch

    torch.set_num_threads(threads)
    a, b = torch.randn(32, 256), torch.randn(256, 768)
    a @ b
    began = time.perf_counter()
    for _ in range(SMALL_TRIES):
        a @ b
    return {"ms": round((time.perf_counter() - began) / SMALL_TRIES * 1e3, 3)}


def best_product(threads: int) -> dict[str, float]:
    """The best of several products [1024, 1024] x [1024, 1024] in each precision."""
    import torch

    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter  # as the sides are timed
    found = {}
    for kind in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(SIZE, SIZE).to(kind) for _ in range(2))
        seconds = []
        for _ in range(TRIES):
            began = clock()
            a @ b
            seconds.append(clock() - began)
        found[str(kind).removeprefix("torch.")] = round(2 * SIZE**3 / min(seconds) / 1e9, 1)
    return found


@contextmanager
def neighbour(busy: bool) -> Iterator[None]:
    """Somebody else's work on the first core, if asked."""
    if not busy:
        yield
        return
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.machine", "neighbour"], cwd=ROOT, env=env)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, cores()[:1])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def be_busy() -> None:
    """Matrix products without end."""
    import torch

    torch.set_num_threads(1)
    a = torch.randn(512, 512)
    while True:
        a = torch.tanh(a @ a)


def flops(stage: str, model: str, rows: list[Row], processed: float) -> float:
    """What learning from the rows once asks for.

    6 x (matrix parameters of the layers x tokens processed + of the output head x scored tokens)
    + 12 x layers x width x pairs of tokens that attend. Every matrix product counts forward once and backward
    twice; a prompt that its completions share counts once where the tokens processed show that it was.
    """
    shape = SHAPES[model]
    width, layers = shape["hidden_size"], shape["num_hidden_layers"]
    keys = width * shape["num_key_value_heads"] // shape["num_attention_heads"]
    body = layers * (2 * width * width + 2 * width * keys + 3 * width * shape["intermediate_size"])
    head = 0 if stage.startswith("reward") else width * shape["vocab_size"]
    apart = sum(len(row.prompt) + len(said) for row in rows for said in row.completions)
    scored = sum(len(said) for row in rows for said in row.completions)
    attending = 0.0
    for row in rows:
        times = 1 if processed < apart else len(row.completions)
        attending += times * len(row.prompt) ** 2 / 2
        attending += sum(len(said) * len(row.prompt) + len(said) ** 2 / 2 for said in row.completions)
    return 6 * (body * processed + head * scored) + 12 * layers * width * attending


if __name__ == "__main__":
    if sys.argv[1] == "neighbour":
        be_busy()
    measured = {"peak": best_product, "small": small_product}[sys.argv[1]]
    print(json.dumps(measured(int(sys.argv[2]))))
