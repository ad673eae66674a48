"""Rounds of speaking: who is asked when, when a checkpoint may be taken, and going on where one was."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families

from concord.algorithms import ALGORITHMS, experience
from concord.errors import RecordError
from concord.models import Critic, Policy
from concord.records import Completion, Prompt, seed_of
from concord.sampling import Local
from concord.settings import GRPO, PPO, GroupLoss, Learning, ReMax, Rollouts

torch.set_num_threads(1)

PROMPTS = [families.asked(text) for text in ("a", "b", "c", "d", "e", "f", "g")]


class Bench:
    """Seven prompts, a tiny policy, and a scorer that counts tokens."""

    learning = Learning(micro_tokens=60)
    seed = 4
    prompts: Sequence[Prompt] = PROMPTS
    rankings = ()

    def __init__(self, path: Path) -> None:
        self.policy, self.reference = Policy.load(path, families.CPU), Policy.load(path, families.CPU)
        self.critic = Critic.load(path, families.CPU)
        self.scorer = self
        self.turns: list[int] = []

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [float(len(completion.tokens or ())) for completion in completions]

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Local:
        return Local(self.policy, "p", seed_of(self.seed, occasion), temperature, longest)

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        self.turns.append(turn)

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        assert turn == self.turns[-1]

    def say(self, line: str) -> None:
        """Nobody listens."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.folder(tmp_path_factory.mktemp("speaking") / "qwen3", "qwen3")


def test_all_are_asked_before_any_is_asked_again() -> None:
    """Pain 20: three prompts a round of seven: after seven rounds each was asked thrice, in changing order."""
    rounds = [experience.asked(PROMPTS, 3, 1, turn) for turn in range(7)]
    order = [prompt.id for turn in rounds for prompt in turn]
    for epoch in range(3):
        assert sorted(order[7 * epoch : 7 * epoch + 7]) == sorted(prompt.id for prompt in PROMPTS)
    assert order[:7] != order[7:14]
    assert [prompt.id for prompt in experience.asked(PROMPTS, 3, 2, 0)] != order[:3]
    twice = Counter(prompt.id for prompt in experience.asked(PROMPTS, 14, 1, 0))
    assert set(twice.values()) == {2}


@pytest.mark.parametrize(
    ("prompts", "samples", "passes", "updates"),
    [(3, 3, 1, 2), (2, 3, 2, 4), (1, 7, 2, 3), (2, 2, 1, 9), (1, 2, 3, 1)],
)
def test_steps_are_counted_exactly(path: Path, prompts: int, samples: int, passes: int, updates: int) -> None:
    """The schedule of rates rests on it, also where the answers do not divide evenly; each is read once a pass."""
    plan = Rollouts(rounds=2, prompts=prompts, samples=samples, passes=passes, updates=updates, longest=3)
    course = ALGORITHMS["grpo"](GRPO(rollout=plan), Bench(path))
    steps, settled, rows = 0, [], 0
    for step in course.feed:
        steps += 1
        settled.append(course.feed.settled)
        rows += sum(len(batch.sequences) for batch in step)
    assert steps == course.steps
    assert rows == 2 * passes * prompts * samples
    # settled at the ends of rounds and nowhere else
    half = steps // 2
    assert settled == ([False] * (half - 1) + [True]) * 2


def tensors(step: Sequence[Any]) -> list[torch.Tensor]:
    return [
        part
        for batch in step
        for part in (
            batch.sequences.tokens,
            batch.sequences.scored,
            batch.logprobs,
            batch.advantages,
            batch.trust,
            batch.share,
        )
    ]


@pytest.mark.parametrize("method", ["grpo", "ppo", "remax"])
@pytest.mark.slow
def test_t22_a_resumed_feed_says_the_same(method: str, path: Path) -> None:
    """T22, pain 20: restored at a round's end, the rest is bit-equal; the price of drift is remembered."""
    plan = Rollouts(rounds=3, prompts=2, samples=2, passes=2, updates=2, longest=5)
    asked: dict[str, Any] = {
        "grpo": GRPO(rollout=plan),
        "ppo": PPO(rollout=plan, target_kl=0.5, kl=0.1),
        "remax": ReMax(rollout=plan, loss=GroupLoss(form="dapo", sampler_limit=2.0, undecided=0.5)),
    }
    settings = asked[method]
    whole = ALGORITHMS[method](settings, Bench(path))
    states, steps = [whole.feed.state()], []
    for step in whole.feed:
        steps.append(tensors(step))
        if whole.feed.settled:
            states.append(whole.feed.state())
    assert [state["round"] for state in states] == [0, 1, 2, 3]
    for turn, state in enumerate(states):
        course = ALGORITHMS[method](settings, Bench(path))
        course.feed.restore(state)
        rest = [tensors(step) for step in course.feed]
        assert len(rest) == len(steps) - 4 * turn
        assert course.feed.state() == states[-1]
        for mine, theirs in zip(rest, steps[4 * turn :], strict=True):
            assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))
    if method == "ppo":
        prices = [state["price"] for state in states]
        assert prices[0] == 0.1 and prices[3] < prices[2] < prices[1] < 0.1  # no drift at all makes it cheap


def test_a_round_is_told_in_numbers(path: Path) -> None:
    """Score, drift, surprise and length of what was just said; each round is put on record once."""
    parts = Bench(path)
    plan = Rollouts(rounds=2, prompts=2, samples=3, passes=2, updates=1, longest=5)
    course = ALGORITHMS["grpo"](GRPO(rollout=plan), parts)
    told: list[dict[str, Any]] = []
    for step in course.feed:
        notes: dict[str, Any] = {}
        for tell in course.tells:
            tell(0, notes)
        told.append(notes)
        lengths = torch.cat([batch.sequences.scored.sum(-1) for batch in step]).double()
        surprise = -sum(float(batch.logprobs[batch.sequences.scored].sum()) for batch in step) / float(
            lengths.sum()
        )
        assert notes["score"] == pytest.approx(float(lengths.mean()))  # this scorer counts tokens
        assert notes["length"] == pytest.approx(float(lengths.mean()))
        assert notes["surprise"] == pytest.approx(surprise, rel=1e-4)
        assert notes["kl"] == pytest.approx(0, abs=1e-5)
    assert [notes["round"] for notes in told] == [0.0, 0.0, 1.0, 1.0]
    assert parts.turns == [0, 1]


def test_the_answers_to_a_prompt_are_learned_together(path: Path) -> None:
    """Six prompts in three steps of a pass: two whole prompts a step, others in the next pass."""
    plan = Rollouts(rounds=1, prompts=6, samples=3, passes=2, updates=3, longest=4)
    course = ALGORITHMS["grpo"](GRPO(rollout=plan), Bench(path))
    steps = []
    for step in course.feed:
        opened = Counter(tuple(row.tokens[: row.opening]) for batch in step for row in batch.sequences.rows)
        assert list(opened.values()) == [3, 3]
        steps.append(frozenset(opened))
    assert all(len(frozenset.union(*turn)) == 6 for turn in (steps[:3], steps[3:]))
    assert set(steps[:3]) != set(steps[3:])


def test_samplers_must_note_how_likely_each_token_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learning rests on it: answers that come without are refused by name."""
    parts, plan = Bench(path), Rollouts(rounds=1, prompts=1, samples=2, longest=3)
    said = parts.sampler("a test", 1.0, 3).sample(parts.prompts[:1], 2)
    mute = [replace(one, logprobs=None) for one in said]
    monkeypatch.setattr(Local, "sample", lambda self, prompts, k: mute)
    with pytest.raises(RecordError, match=f"prompt {mute[0].prompt.id} comes without"):
        next(iter(ALGORITHMS["grpo"](GRPO(rollout=plan), parts).feed))


def test_the_error_of_the_drift_is_that_of_the_means_of_prompts() -> None:
    """Means 1.5 and 4 of two prompts: their deviation is 1.25 root 2, over root 2."""
    found = experience.uncertainty(torch.tensor([1.0, 2.0, 3.0, 5.0]), torch.tensor([0, 0, 1, 1]))
    assert found == {"kl_error": pytest.approx(1.25)}
    assert experience.uncertainty(torch.tensor([1.0, 2.0]), torch.tensor([0, 0])) == {}
