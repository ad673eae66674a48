"""Where and in what precision to compute, and how answers are made there."""

import pytest
import torch

from concord.errors import SettingsError
from concord.models import Compute, choose, compute

HALF, WHOLE = torch.bfloat16, torch.float32


@pytest.mark.parametrize(
    ("flags", "dtype", "why"),
    [
        ({"avx2", "avx512_bf16"}, HALF, "computes it natively (avx512_bf16)"),
        ({"avx2", "avx512f"}, WHOLE, "has no native bfloat16"),
        (set(), WHOLE, "has no native bfloat16"),
    ],
)
def test_a_processor_computes_in_what_it_has(
    flags: set[str], dtype: torch.dtype, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "_processor_flags", lambda: flags)
    found = choose("cpu")
    assert found.dtype is dtype and why in found.reason


def test_what_is_asked_for_is_done_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose("cpu", "float32").dtype is WHOLE
    assert choose("cpu", "bfloat16").dtype is HALF
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose().device.type == "cpu"
    with pytest.raises(SettingsError, match=r"learning\.device"):
        choose("cuda")


@pytest.mark.parametrize(
    ("device", "dtype", "speaking"),
    [("cpu", HALF, WHOLE), ("cpu", WHOLE, WHOLE), ("cuda", HALF, HALF), ("cuda", WHOLE, WHOLE)],
)
def test_answers_are_exact_on_a_processor_and_as_all_else_on_a_gpu(
    device: str, dtype: torch.dtype, speaking: torch.dtype
) -> None:
    found = Compute(torch.device(device), dtype, "a test").speaking
    assert (found.device.type, found.dtype, found.reason) == (device, speaking, "a test")
