"""Rewards within an answer, on the policy's own tokens (T24): where they land, and that PPO credits them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.rooms import families, methods
from tests.rooms.methods import PROMPTS, bench

from concord.algorithms import ppo
from concord.algorithms.experience import Speaking, as_said
from concord.algorithms.traces import traced
from concord.records import Completion
from concord.settings import PPO, Rollouts

ROLLOUT = Rollouts(rounds=1, prompts=3, samples=2, passes=1, updates=1, longest=7)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("traces") / "gpt2", "gpt2")


class Parts:
    """A scorer that gives each named stretch of a text its reward."""

    def __init__(self, *parts: Sequence[tuple[int, float]]) -> None:
        self.parts = parts

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [sum(reward for _, reward in some) for some in self.parts]

    def trace(self, completions: Sequence[Completion]) -> list[list[tuple[int, float]]]:
        return [list(some) for some in self.parts]


def test_t24_rewards_land_on_the_token_that_ends_their_part(path: Path) -> None:
    """Also where a letter is several tokens and where two parts end in one token; the last is on the last token."""
    policy = bench(path).policy
    texts = ("it is far", "Ü☂ so", "no")
    said = [
        Completion(
            prompt, text, tokens=(*policy.template.encode(text), policy.template.stops.end), finish="stop"
        )
        for prompt, text in zip(PROMPTS, texts, strict=False)
    ]
    rows = as_said(said, policy)
    parts = [[(2, 1.0), (9, 5.0)], [(1, 0.5), (2, 0.25), (5, 2.0)], [(0, 3.0), (2, -1.0)]]
    found = traced(Parts(*parts), said, policy.template, rows)
    assert found is not None and found.sum(-1).tolist() == [6.0, 2.75, 2.0]
    for row, (one, some) in enumerate(zip(said, parts, strict=True)):
        size = len(one.tokens or ())
        assert found[row, size - 1] == some[-1][1] and not found[row, size:].any()
        for end, reward in some[:-1]:
            place = next(
                n for n in range(size) if len(policy.template.decode((one.tokens or ())[: n + 1])) >= end
            )
            assert found[row, place] == reward
    assert traced(methods.Lengths(), said, policy.template, rows) is None


class Late(methods.Lengths):  # type: ignore[misc]
    """The same tastes, told as a trace of one part."""

    def __init__(self, split: float) -> None:
        self.split = split

    def trace(self, completions: Sequence[Completion]) -> list[list[tuple[int, float]]]:
        scores = self.score(completions)
        return [
            [(1, self.split * score), (len(one.text), (1 - self.split) * score)]
            for one, score in zip(completions, scores, strict=True)
        ]


def test_t24_ppo_credits_each_part_where_it_ends(path: Path) -> None:
    """A trace that gives all to the end is the score itself; of one that gives all at once, nothing is left to
    expect after the first token."""
    asked = PPO(critic_rounds=0, rollout=ROLLOUT, kl=0.0, decay=1.0)
    found = {}
    for name, scorer in (("whole", methods.Lengths()), ("late", Late(0.0)), ("early", Late(1.0))):
        feed = ppo.build(asked, bench(path, scorer=scorer)).feed
        assert isinstance(feed, Speaking)
        (step,) = list(feed)
        found[name] = step[0]
    assert torch.equal(found["whole"].advantages, found["late"].advantages)
    mask = found["whole"].sequences.scored
    whole, early = found["whole"].returns, found["early"].returns
    torch.testing.assert_close(early[:, 0], whole[:, 0], rtol=0, atol=1e-5)
    after = mask.clone()
    after[:, 0] = False
    assert early[after].abs().max() < 1e-5
    assert whole[after].abs().max() > 0.5
