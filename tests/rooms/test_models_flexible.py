"""Flex attention over a block: torch's own finds what plain products find, and serves only where that was seen."""

from typing import Any

import pytest
import torch
from tests.rooms.flexing import dense

from concord.batches.packing import Block, Layout
from concord.models import attention, flexible

NOWHERE = torch.zeros(0, dtype=torch.int64)
CPU = torch.device("cpu")


SORTS = {"none": (), "one": ((3, 4),), "two": ((1, 6), (2, 4))}


def block(rests: str = "one") -> Block:
    return Block(0, 2, 7, SORTS[rests], torch.tensor([3, 7]))


def tensors(of: Block, kv: int, dtype: torch.dtype = torch.float32) -> list[list[torch.Tensor]]:
    random = torch.Generator().manual_seed(0)
    return [
        [torch.randn(size, heads, 16, generator=random, dtype=dtype) for heads in (4, kv, kv)]
        for size in of.sizes
    ]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("kv", [4, 2, 1])
@pytest.mark.parametrize(("window", "softcap"), [(None, None), (3, None), (None, 0.5), (5, 2.0)])
@pytest.mark.parametrize("rests", SORTS)
@pytest.mark.slow
def test_torchs_own_finds_what_products_find(
    kv: int, window: int | None, softcap: float | None, rests: str
) -> None:
    one = block(rests)
    sight = attention.Sight(Layout(NOWHERE, NOWHERE, NOWHERE, (one,), ()), window, softcap)
    prompts, *others = tensors(one, kv)
    found, wanted = (way(one, sight, prompts, others) for way in (attention.flexible, attention.products))
    assert [part.shape for part in found] == [part.shape for part in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(mine, theirs, atol=2e-6)


def test_a_rest_sees_its_prompt_and_itself_and_no_sibling() -> None:
    """By hand: a prompt of 2 of 3 slots, two rests of 2; the same in two sorts of one."""
    of = Block(0, 1, 3, ((2, 2),), torch.tensor([2]))
    sees = flexible.rule(of, None)
    slots = torch.arange(7)
    grid = sees(torch.tensor(0), torch.tensor(0), slots[:, None], slots[None])
    assert grid[0].tolist() == [True, False, False, False, False, False, False]
    assert grid[1].tolist() == [True, True, False, False, False, False, False]
    assert grid[3].tolist() == [True, True, False, True, False, False, False]
    assert grid[4].tolist() == [True, True, False, True, True, False, False]
    assert grid[5].tolist() == [True, True, False, False, False, True, False]
    assert grid[6].tolist() == [True, True, False, False, False, True, True]
    apart = flexible.rule(Block(0, 1, 3, ((1, 2), (1, 2)), torch.tensor([2])), None)
    assert torch.equal(apart(torch.tensor(0), torch.tensor(0), slots[:, None], slots[None]), grid)
    near = flexible.rule(of, 2)(torch.tensor(0), torch.tensor(0), slots[:, None], slots[None])
    assert near[3].tolist() == [False, True, False, True, False, False, False]
    assert near[6].tolist() == [False, False, False, False, False, True, True]


def serves(kv: int = 2) -> bool:
    flexible.serves.cache_clear()
    return flexible.serves(4, kv, 16, torch.float32, CPU, attention.plainly)


def test_it_serves_where_it_was_seen_to_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks first: one who learns, or one who only reads."""
    monkeypatch.setattr(flexible, "_plain", lambda: dense)
    assert serves()
    with torch.no_grad():
        assert serves()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert serves()


def test_a_machine_that_cannot_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """So torch says it on a processor, in some versions, of the backward pass."""

    def unable(*_: Any, **__: Any) -> torch.Tensor:
        raise NotImplementedError("not on this device")

    monkeypatch.setattr(flexible, "_plain", lambda: unable)
    with pytest.warns(UserWarning, match=r"does not serve here \(NotImplementedError\)"):
        assert not serves()


def test_a_machine_that_errs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given: Any, **more: Any) -> torch.Tensor:
        return dense(*given, **more) * 1.01

    monkeypatch.setattr(flexible, "_plain", lambda: wrong)
    with pytest.warns(UserWarning, match="finds other states here"):
        assert not serves()


def test_it_is_chosen_on_a_gpu_for_long_families_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card(torch.Tensor):
        is_cuda = True

    monkeypatch.setattr(flexible, "serves", lambda *_: True)
    card = [torch.zeros(1, 4, 16).as_subclass(Card)] * 3
    here = [torch.zeros(1, 4, 16)] * 3
    layout = Layout(NOWHERE, NOWHERE, NOWHERE, (), ())
    plain, dropping, capped = (
        attention.Sight(layout, **more) for more in ({}, {"dropout": 0.1}, {"softcap": 1.0})
    )
    long = Block(0, 1, 900, ((4, 64),), torch.tensor([900]))
    short = Block(0, 1, 100, ((4, 64),), torch.tensor([100]))
    assert attention.way(long, plain, card) is attention.flexible
    assert attention.way(long, capped, card) is attention.flexible
    assert attention.way(long, dropping, card) is attention.fused
    assert attention.way(short, plain, card) is attention.fused
    assert attention.way(short, capped, card) is attention.products
    assert attention.way(long, plain, here) is attention.fused
    assert attention.way(short, plain, here) is attention.products
