"""A quick measurement of matrix products by threads: it advises whoever writes a recipe and settles nothing."""

import json
import os
import subprocess
import sys
import time
from statistics import median

import torch

from concord.machine import cores

SMALL, MEDIUM = (32, 256, 768), (512, 1024, 1024)
"""Rows, width and columns: a step of sampling with a small model, and a layer of a training step."""
SECONDS = 0.5
"""Time for the products of one size, all numbers of threads together."""
REST = 0.03
"""Seconds in which threads have nothing to do, so that it shows whether they spin."""
WORSE = 1.5
"""So many times slower counts as harm, on a machine where figures differ by a tenth anyway."""

Size = tuple[int, int, int]


def counts() -> list[int]:
    """The numbers of threads to try: 1, 2, 4 ... and all cores."""
    most = cores()
    return sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})


@torch.no_grad()
def milliseconds(size: Size, tried: list[int], dtype: torch.dtype) -> dict[int, float]:
    """The median time of a product with each number of threads, taken in turns so that noise meets all alike."""
    rows, width, columns = size
    left, right = torch.ones(rows, width, dtype=dtype), torch.ones(width, columns, dtype=dtype)
    before, seen = torch.get_num_threads(), {count: [0.0] * 0 for count in tried}
    end = time.perf_counter() + SECONDS
    try:
        while time.perf_counter() < end or len(seen[tried[-1]]) < 3:
            for count in tried:
                torch.set_num_threads(count)
                left @ right  # the first product after a change starts threads
                began = time.perf_counter()
                for _ in range(4):
                    left @ right
                seen[count].append((time.perf_counter() - began) / 4 * 1e3)
    finally:
        torch.set_num_threads(before)
    return {count: median(times) for count, times in seen.items()}


def idle_share() -> float:
    """How much of a core each idle thread takes: near 0 where they sleep, near 1 where they spin."""
    if cores() == 1:
        return 0.0
    left = torch.ones(512, 512)
    torch.set_num_threads(cores())
    left @ left
    began, spent = time.perf_counter(), time.process_time()
    time.sleep(REST)
    return (time.process_time() - spent) / (time.perf_counter() - began) / (cores() - 1)


def tell() -> None:
    """Print the time of a small product with all cores, for a process that was started to spin."""
    print(json.dumps(milliseconds(SMALL, [cores()], torch.float32)[cores()]))


def spinning() -> float | None:
    """The time of a small product with all cores where idle threads spin, or None if it cannot be had."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "ACTIVE", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("GOMP_SPINCOUNT", None)  # it would have the last word
    command = [sys.executable, "-P", __file__]  # this file alone: torch and little else is loaded
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        return float(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def advice(dtype: torch.dtype) -> dict[str, str]:
    """What was measured, in words: products by threads, what is best, and whether spinning would hurt."""
    tried = counts()
    small, medium = (milliseconds(size, tried, dtype) for size in (SMALL, MEDIUM))
    facts = {
        f"{name} product": ", ".join(f"{count} threads {times[count]:.2f} ms" for count in tried)
        for name, times in (("small", small), ("medium", medium))
    }
    share = idle_share()
    turns = os.environ.get("GOMP_SPINCOUNT")
    facts["waiting"] = f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}, idle threads " + (
        f"spin ({share:.0%} of a core each)" if share > 0.2 else "sleep"
    )
    facts["waiting"] += f" after {turns} turns (GOMP_SPINCOUNT)" if turns else ""
    facts["threads"] = best(medium, small)
    if cores() > 1:
        facts["spinning"] = harm(milliseconds(SMALL, [cores()], torch.float32)[cores()], spinning())
    return facts


def best(medium: dict[int, float], small: dict[int, float]) -> str:
    """Which number of threads a stage should have here; only advice, for a figure differs from day to day."""
    # Of two numbers that are alike within a tenth the smaller leaves a core to others.
    quickest = min(medium.values())
    found = min(count for count, time in medium.items() if time <= 1.1 * quickest)
    quickest_small = min(small, key=lambda count: small[count])
    text = f"{found} best for one stage now (learning.threads: {found}; small products: {quickest_small})"
    most = max(medium)
    if most > 1 and medium[1] < WORSE * medium[most]:
        text += "; more threads gain little here, perhaps because others use the cores"
    return text


def harm(asleep: float, awake: float | None) -> str:
    """Whether threads that spin while they wait would slow this machine down."""
    if awake is None:
        return "not measured"
    times = f"a small product takes {awake:.2f} ms where idle threads spin, {asleep:.2f} ms as it is set now"
    return f"{'hurts here' if awake > WORSE * asleep else 'does not hurt now'}: {times}"


if __name__ == "__main__":
    tell()
