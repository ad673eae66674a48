"""What a process settles about its machine, and what `doctor` measures: advice, never a setting."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from concord import machine
from concord.models import pace

TOUCHES = """
import ctypes, resource
from concord import machine
if {keep}:
    machine.keep_freed_memory()
calls = ctypes.CDLL(None)
calls.malloc.restype, calls.malloc.argtypes, calls.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
for turn in range(12):
    if turn == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [calls.malloc(30 * 2**20) for _ in range(3)]
    for block in blocks:
        ctypes.memset(block, 1, 30 * 2**20)
    for block in blocks:
        calls.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", TOUCHES.format(keep=keep)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def on_glibc() -> bool:
    return machine.platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not on_glibc(), reason="only glibc gives large blocks back at every free")
@pytest.mark.slow
def test_large_blocks_are_used_again() -> None:
    """Ten times three blocks of 30 MiB: given back each time they cost faults, kept they cost none."""
    assert faults(keep=False) > 3_000
    assert faults(keep=True) < 300


def test_a_chosen_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_state", {})
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    assert machine.keep_freed_memory() == "as GLIBC_TUNABLES says"


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_state", {})
    for name in machine.TELLING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    assert machine.keep_freed_memory() == "the system's own, unchanged"


@pytest.mark.parametrize(("chosen", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")])
def test_the_environment_that_a_person_chose_is_kept(
    chosen: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either of the two says how threads wait, and then the other is left alone: a count has the last word."""
    waits = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    for name in (*waits, "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv(chosen, value)
    monkeypatch.setattr(machine, "alone", lambda: True)
    machine.settle_environment()
    assert {name: os.environ[name] for name in waits if name in os.environ} == {chosen: value}
    assert os.environ["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("said", "own", "turns"),
    [
        (["1/90"], 4, "1000"),  # nobody but this process
        (["2/90", "2/90", "2/90"], 4, None),  # a neighbour on one of four cores, all of which are ours
        (["3/90", "3/90", "3/90"], 2, "1000"),  # two neighbours, and two cores that are not ours
        (["4/90", "4/90", "4/90"], 2, None),
        (["3/90", "2/90", "1/90"], 4, "1000"),  # who blinks is no neighbour
        (["nonsense"], 4, None),
        ([], 4, None),
    ],
)
def test_idle_threads_wait_awake_only_where_nobody_else_is_at_work(
    said: list[str], own: int, turns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On four cores, by how many processes the system says are running; where it does not say, they sleep at once."""
    looks = iter(said)

    def loadavg(path: Path) -> str:
        assert str(path) == "/proc/loadavg"
        try:
            return f"0.10 0.20 0.30 {next(looks)} 12345\n"
        except StopIteration:
            raise FileNotFoundError(path) from None

    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(machine.Path, "read_text", loadavg)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(machine, "cores", lambda: own)
    machine.settle_environment()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ.get("GOMP_SPINCOUNT") == turns


def test_advice_takes_the_fewest_threads_that_are_as_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "cores", lambda: 6)
    assert pace.counts() == [1, 2, 4, 6]
    told = pace.best({1: 10.0, 2: 5.0, 4: 2.7, 6: 2.5}, {1: 0.1, 2: 0.2, 4: 0.4, 6: 0.8})
    assert told == "4 best for one stage now (learning.threads: 4; small products: 1)"
    assert "more threads gain little" in pace.best({1: 3.0, 2: 2.5}, {1: 0.1, 2: 0.2})
    assert pace.harm(0.2, 16.0).startswith("hurts here: a small product takes 16.00 ms")
    assert pace.harm(0.2, 0.21).startswith("does not hurt now") and pace.harm(0.2, None) == "not measured"


def test_products_are_timed_with_each_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SECONDS", 0.02)
    threads = pace.torch.get_num_threads()
    times = pace.milliseconds((8, 16, 8), [1, 2], pace.torch.float32)
    assert set(times) == {1, 2} and min(times.values()) > 0
    assert pace.torch.get_num_threads() == threads
