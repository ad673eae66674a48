"""What this machine is and what Concord will do on it, in words."""

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

import torch

from concord.machine import cores, keep_freed_memory
from concord.models import pace
from concord.models.compute import choose, native_bfloat16

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "pydantic", "peft")


def doctor() -> dict[str, str]:
    """Facts by name, for people and for bug reports."""
    compute = choose()
    facts = {
        "device": str(compute.device),
        "precision": str(compute.dtype).removeprefix("torch."),
        "why": compute.reason,
        "cores": str(cores()),
        "bfloat16": native_bfloat16(compute.device.type)[1],
        "allocator": keep_freed_memory(),
        "memory": memory(),
        "disk": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.0f} GiB free in {Path.cwd()}",
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
    }
    if compute.device.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        facts["gpu"] = f"{torch.cuda.get_device_name(0)}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
    return facts | pace.advice(compute.dtype) | {name: version(name) for name in LIBRARIES}


def memory() -> str:
    """How much memory there is."""
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "unknown"
    return f"{pages * size / 2**30:.0f} GiB"


def version(name: str) -> str:
    """A library's version, or that it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
