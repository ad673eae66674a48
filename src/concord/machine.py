"""What a process settles about its machine before it works: cores, waiting threads, freed memory."""

import ctypes
import os
import platform
import time
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt` in the header malloc.h."""
LARGEST_KEPT, FREE_KEPT = 32 * 2**20, 512 * 2**20
"""Bytes of a block that comes from the heap (`mallopt` takes no more), and of free heap that is kept.

To keep larger blocks too would spare more faults, and made a peak of 2.1 GB one of 3.2 GB."""
TELLING = (
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)
"""Whoever sets one of these has chosen an allocator, and it is left alone."""
TURNS = 1000
"""So often idle OpenMP threads look for work before they sleep, where nobody else is at work: some microseconds."""
LOOKS, BETWEEN = 3, 0.001
"""How often, and how many seconds apart, to look who is at work: somebody who blinks is no neighbour."""
_state: dict[str, str] = {}


def cores() -> int:
    """The processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def settle_environment() -> None:
    """Settle, before anything imports torch, what torch and its friends read from the environment once."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        # Idle OpenMP threads spin by default. Where several processes share the cores, each waits for
        # threads that the others' spinning keeps from running: steps were seen to take 100 times longer.
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        if alone():  # to wake a thread takes longer than a small product: a short wait pays
            os.environ["GOMP_SPINCOUNT"] = str(TURNS)
    # oneDNN keeps up to 1,024 compiled products, one for every shape it has met; packed batches have many.
    # With 128 of them a long training took a tenth less memory and no more time.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
    # The tokenizer's own threads deadlock in forked processes, and warn about it at every fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Models are folders on this machine: a run must never wait for, or depend on, the network.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def alone() -> bool:
    """Whether this machine has cores to spare for all that runs just now; False where it does not say."""
    for look in range(LOOKS):
        if look:
            time.sleep(BETWEEN)
        try:
            running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
        except (OSError, ValueError, IndexError):
            return False
        if cores() + running - 1 <= (os.cpu_count() or 1):  # one of those that run is this process
            return True
    return False


def keep_freed_memory() -> str:
    """Let this process use its freed memory again instead of giving it back; says what is in force.

    glibc gives free memory at the heap's end back at once, and maps large blocks anew, so the tensors of
    each step are paid for again in page faults. Only glibc knows `mallopt`; elsewhere nothing changes.
    """
    if "allocator" not in _state:
        _state["allocator"] = _keep()
    return _state["allocator"]


def _keep() -> str:
    told = [name for name in TELLING if os.environ.get(name)]
    if told:
        return f"as {', '.join(told)} says"
    library, version = platform.libc_ver()
    if library != "glibc":
        return "the system's own, unchanged"
    try:
        mallopt = ctypes.CDLL(None).mallopt
        kept = mallopt(MMAP_THRESHOLD, LARGEST_KEPT) == 1 == mallopt(TRIM_THRESHOLD, FREE_KEPT)
    except (OSError, AttributeError):
        kept = False
    return f"glibc {version}, " + ("freed memory is kept and used again" if kept else "unchanged: it refused")
