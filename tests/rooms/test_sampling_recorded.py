"""Recorded steps: what is played says what the plain decoder says.

A graph plays operations on fixed tensors and never sees Python again. So does what torch traces of a step: it
stands here for a graph, which needs a GPU.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.rooms import families, speaking
from tests.rooms.speaking import CASES, PROMPTS, answers, some
from torch.fx.experimental.proxy_tensor import make_fx

from concord.models import Policy
from concord.models.anatomy import anatomy
from concord.sampling import Manner, Request, Slots, recorded
from concord.sampling.fused import Fused
from concord.sampling.recorded import Recorded, Step
from concord.sampling.weights import fuse

OWN = [name for name, case in CASES.items() if case[2] is Fused]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    """Every case's policy."""
    return speaking.policies(tmp_path_factory.mktemp("speaking"))


class Traces:
    """Records a step once and plays what was recorded; counts both."""

    def __init__(self) -> None:
        self.recorded = self.played = 0

    def __call__(self, step: Step) -> Step:
        self.recorded += 1
        step()  # a step may be tried before it is recorded
        traced = make_fx(step)()

        def played() -> torch.Tensor:
            self.played += 1
            return traced()

        return played


def slots(policy: Policy, record: Any, dtype: torch.dtype = torch.float32, **more: Any) -> Slots:
    made = Slots(policy, **more)
    parts, _ = anatomy(policy.network)
    assert parts is not None
    made.decoder = Recorded(fuse(parts, dtype), families.CPU.device, record)
    return made


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("places", [3, 256])
@pytest.mark.slow
def test_what_is_played_is_what_the_plain_decoder_says(
    name: str, places: int, policies: dict[str, Policy]
) -> None:
    """Rows come and go, texts grow beyond windows; all draw as in the plain decoder."""
    traces, policy = Traces(), policies[name]
    requests = [*some(30), *some(7, Manner(0.7, top_k=20), each=2)]
    found = answers(slots(policy, traces, places=places), requests)
    wanted = answers(Slots(policy, places=places), requests)
    assert [one.tokens for one in found] == [one.tokens for one in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(torch.tensor(mine.logprobs), torch.tensor(theirs.logprobs), atol=1e-5)
    assert traces.played > 20 and traces.recorded <= 3


@pytest.mark.slow
def test_texts_are_kept_in_the_precision_of_the_products(policies: dict[str, Policy]) -> None:
    """On a GPU that is bfloat16: numbers are those of the plain decoder but for the rounding of keys and values."""
    policy, half = policies["qwen3"], torch.bfloat16
    mine, theirs = slots(policy, Traces(), half), Slots(policy, dtype=half)
    assert mine.decoder.texts.dtype is half and theirs.decoder.weights.head.dtype is half
    for one in (mine, theirs):
        one.add(Request(PROMPTS[1], 1, 9))
        one.step()
    off = (mine._logits.log_softmax(-1) - theirs._logits.log_softmax(-1)).abs()
    assert 0 < float(off.max()) < 0.05


LATE = {
    "long": [Request(tuple(range(10, 70)), 7, 4)],
    "many": [Request((20 + seed, 21, 22), seed, 4) for seed in range(12)],
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.slow
def test_a_place_that_grows_is_recorded_anew(
    late: str, policies: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who come later make the texts' place larger; once they are gone, nothing of before is played."""
    monkeypatch.setattr(recorded, "BLOCK", 16)
    policy, traces = policies["llama"], Traces()
    found = []
    for made in (slots(policy, traces, places=20), Slots(policy, places=20)):
        numbers = [made.add(one) for one in some(40, each=1)]
        for _ in range(5):
            made.step()
        numbers += [made.add(one) for one in LATE[late]]
        said = {}
        while made.busy:
            said.update({one.number: one.tokens for one in made.step().ended})
        found.append([said[one] for one in numbers])
    assert found[0] == found[1]
    assert traces.recorded >= 2


def test_a_card_that_cannot_record_says_so_and_goes_on(policies: dict[str, Policy]) -> None:
    def refuse(step: Callable[[], torch.Tensor]) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.warns(UserWarning, match="could not be recorded .* launched one by one"):
        found = answers(slots(policies["llama"], refuse), some(6))
    assert [one.tokens for one in found] == [one.tokens for one in answers(Slots(policies["llama"]), some(6))]


def test_each_distinct_prompt_is_read_once(
    policies: dict[str, Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, ...]] = []
    plain = Fused._read
    monkeypatch.setattr(
        Fused, "_read", lambda self, prompts, places: read.extend(prompts) or plain(self, prompts, places)
    )
    answers(
        slots(policies["llama"], lambda step: step),
        [Request(one, seed, 3) for one in PROMPTS for seed in range(4)],
    )
    assert sorted(read) == sorted(PROMPTS)
