"""Where and in what precision to compute, chosen by what the machine has, with the reason said."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from concord.errors import SettingsError

FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True)
class Compute:
    """A device, the precision of its matrix products, and why these were chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    @contextlib.contextmanager
    def precision(self) -> Iterator[None]:
        """Matrix products inside are made in the chosen precision; sums and losses stay in float32."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16):
            yield

    @property
    def speaking(self) -> "Compute":
        """How answers are made: in float32 on a processor, where exact numbers cost little; on a GPU as all else."""
        return self if self.device.type == "cuda" else replace(self, dtype=torch.float32)

    @property
    def attention(self) -> str:
        """The attention that is fastest here: torch's fused one loses to plain products on a processor."""
        return "sdpa" if self.device.type == "cuda" else "eager"


def choose(device: str = "auto", precision: str = "auto") -> Compute:
    """The best device and precision there is, or the ones asked for."""
    kind, why = _device(device)
    place = torch.device(kind, 0) if kind == "cuda" else torch.device(kind)
    if precision != "auto":
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return Compute(place, dtype, f"{why}; {precision} because the recipe asks for it")
    fast, because = native_bfloat16(kind)
    dtype = torch.bfloat16 if fast else torch.float32
    return Compute(place, dtype, f"{why}; {str(dtype).removeprefix('torch.')} because {because}")


def _device(asked: str) -> tuple[str, str]:
    found = torch.cuda.is_available()
    if asked != "auto":
        if asked == "cuda" and not found:
            raise SettingsError(
                f"`learning.device` is {asked}, but torch {torch.__version__} finds no such device here. "
                "Set it to auto, or install a build of torch for it."
            )
        return asked, f"{asked} because the recipe asks for it"
    if found:
        return "cuda", f"cuda because torch finds {torch.cuda.get_device_name(0)}"
    return "cpu", "cpu because torch finds no CUDA GPU"


def native_bfloat16(kind: str) -> tuple[bool, str]:
    """Whether bfloat16 products pay, and how that is known."""
    if kind == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return fast, "this GPU computes it natively" if fast else "this GPU has no native bfloat16"
    flags = _processor_flags()
    found = sorted(set(FAST_BFLOAT16) & flags)
    if found:
        return True, f"this processor computes it natively ({', '.join(found)})"
    return False, "this processor has no native bfloat16"


def _processor_flags() -> set[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass  # not Linux: nothing is known, so nothing is claimed
    return set()
