"""Learning from fixed data: the numbers by hand, and one gradient however a step is cut into batches."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rooms import families, methods
from tests.rooms.methods import (
    DEMONSTRATIONS,
    RANKINGS,
    bench,
    gradients,
    made,
    sums,
)

from concord.algorithms import reward
from concord.algorithms.feeds import Reading
from concord.algorithms.kto import stranger
from concord.algorithms.references import with_reference
from concord.batches import Rendered, Sequences, collate
from concord.batches.collate import Candidate
from concord.models import RewardModel
from concord.records import Ranking
from concord.settings import Reward
from concord.training import Guard, Optimizer, fit
from concord.training import Local as OneDevice


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 computes in float64 throughout if asked to; Llamas round to float32 in their norms."""
    return families.folder(tmp_path_factory.mktemp("learning") / "gpt2", "gpt2")


def rows_of(batch: Any) -> tuple[Rendered, ...]:
    return batch.rows if isinstance(batch, Sequences) else batch.sequences.rows


def read(rows: tuple[Rendered, ...]) -> int:
    """How many tokens are read if each prompt is read once."""
    opening = [row.scored.index(True) for row in rows]
    prompts = {tuple(row.tokens[:size]) for row, size in zip(rows, opening, strict=True)}
    return sum(map(len, prompts)) + sum(map(len, rows)) - sum(opening)


SLOW = [pytest.mark.slow]
OFTEN = {"dpo": [], "ppo": []} | dict.fromkeys(("sft", "bradley-terry", "plackett-luce", "grpo"), SLOW)
SELDOM = [*SLOW, pytest.mark.long]
CUT = [
    pytest.param(method, marks=OFTEN.get(method, SELDOM))
    for method in ("bradley-terry", "plackett-luce", *methods.SETTINGS)
]


@pytest.mark.parametrize("method", CUT)
def test_one_gradient_however_a_step_is_cut(method: str, path: Path) -> None:
    """Pain 10: by weight of tokens or lists, one batch, several or one a row give the same gradient and notes.

    Methods that speak are looked at after the policy has moved on, where clips and masks bite.
    """
    spoken = method in methods.SETTINGS and hasattr(methods.SETTINGS[method], "rollout")
    after = methods.moved if spoken else lambda course: course
    (whole,), (notes,) = gradients(after(made(method, path, 8192)))
    assert not spoken or notes["clipped"] > 0
    assert notes.get("stale", 1) > 0 and notes.get("trusted", 0.5) < 1
    assert max(float(gradient.abs().max()) for gradient in whole.values()) > 1e-3
    cuts = set()
    for micro_tokens in (1, 60, 200):
        course = made(method, path, micro_tokens)
        (cut,), (told,) = gradients(after(course))
        assert cut.keys() == whole.keys()
        for name, gradient in whole.items():
            torch.testing.assert_close(cut[name], gradient, atol=1e-9, rtol=0)
        assert {k: v for k, v in told.items() if k != "tokens"} == pytest.approx(
            {k: v for k, v in notes.items() if k != "tokens"}, abs=1e-6
        )
        again = [rows_of(batch) for batch in next(iter(made(method, path, micro_tokens).feed))]
        cuts.add(len(again))
        # a prompt is read once by each batch that holds answers to it
        assert told["tokens"] == sum(map(read, again)) >= notes["tokens"] == read(sum(again, ()))
    assert len(cuts) > 1 and max(cuts) >= 4


def test_sft_is_the_mean_over_the_assistants_tokens(path: Path) -> None:
    """T1, T2: the loss by hand from plain log-probabilities; what the user says bears none."""
    course = made("sft", path, 8192)
    _, (notes,) = gradients(course)
    policy = course.objective.policy
    rows = [policy.template.demonstration(one, every_turn=True) for one in DEMONSTRATIONS]
    total, count = 0.0, 0
    for row in rows:
        logits = policy.network(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1).detach()
        for place in range(1, len(row)):
            if row.scored[place]:
                total -= float(logits[place - 1, row.tokens[place]])
                count += 1
    assert notes["loss"] == pytest.approx(total / count, abs=1e-9)
    assert notes["tokens"] == sum(map(len, rows))


def test_every_ranking_is_read_once_an_epoch(path: Path) -> None:
    """T14, T15: over each epoch's steps every list comes once, whole, with its tiers."""
    parts = bench(path)
    model = RewardModel.load(path, families.CPU)
    course = reward.build(Reward(epochs=3, batch=3), parts, model, RANKINGS)
    steps = list(course.feed)
    assert len(steps) == course.steps == 6
    expected = sorted(sorted(tier_of(one)) for one in RANKINGS)
    for epoch in range(3):
        seen = []
        for batches in steps[2 * epoch : 2 * epoch + 2]:
            for lists in batches:
                for place, tiers in zip(lists.place.tolist(), lists.tiers.tolist(), strict=True):
                    ids = [lists.sequences.said[p][lists.sequences.scored[p]].tolist() for p in place]
                    seen.append(
                        sorted(
                            (tier, model.template.decode(i))
                            for tier, i in zip(tiers, ids, strict=True)
                            if tier >= 0
                        )
                    )
        assert sorted(seen) == expected


def tier_of(one: Ranking) -> list[tuple[int, str]]:
    return [(tier, one.completions[p].text) for tier, places in enumerate(one.tiers) for p in places]


def test_dpo_begins_at_log_2_and_prefers_the_better(path: Path) -> None:
    """T27: at first the policy is its reference and the loss ln 2; one small step against the gradient leads apart."""
    course = made("dpo", path, 8192)
    optimizer = Optimizer(course.networks, 1e-4, 0.0, None)
    losses: list[dict[str, float]] = []

    def tell(number: int, told: dict[str, Any]) -> None:
        losses.append({name: float(torch.as_tensor(value)) for name, value in told.items()})

    fit(course.feed, course.objective, OneDevice(), optimizer, Guard(), [tell])
    assert losses[0]["loss"] == pytest.approx(math.log(2), abs=1e-7)
    assert losses[0]["margin"] == pytest.approx(0, abs=1e-7)
    course.feed.restore({"done": 0})
    _, (after,) = gradients(course)
    assert after["margin"] > 0 and after["loss"] < math.log(2)
    assert after["accuracy"] > 0.5


def test_dpo_by_hand_away_from_the_reference(path: Path) -> None:
    """T27, pain 24: the reference stays what the policy was at first; each ranking counts once, whatever its pairs."""
    course = made("dpo", path, 8192)
    policy = course.objective.policy
    before = {one: sums(policy, one) for one in RANKINGS}
    torch.manual_seed(9)
    with torch.no_grad():
        for parameter in policy.network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    _, (notes,) = gradients(course)
    losses = []
    for one in RANKINGS:
        drift = [now - then for now, then in zip(sums(policy, one), before[one], strict=True)]
        pairs = [math.log1p(math.exp(-0.1 * (drift[b] - drift[w]))) for b, w in one.pairs()]
        losses.append(sum(pairs) / len(pairs))
    assert notes["loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-6)


def test_candidates_keep_their_reference(path: Path) -> None:
    """Each row's reference is its own, whatever batch it was computed in."""
    policy = bench(path).policy
    lists = collate.rankings(RANKINGS, policy.template, 96, print)
    for budget in (1, 60, 8192):
        for candidate, one in zip(with_reference(lists, policy, budget), RANKINGS, strict=True):
            assert candidate.reference == pytest.approx(sums(policy, one), abs=1e-9)
            assert replace(candidate, reference=[]) in lists


def test_reading_goes_on_where_it_stood() -> None:
    """Pain 20: restored after any step, the rest of all epochs is the same, item by item."""

    def reading() -> Reading[str, list[str]]:
        return Reading(["a", "bb", "ccc", "dddd", "eeeee"], 2, 2, 7, list, micro_tokens=4)

    whole, steps, states = reading(), [], [{"done": 0}]
    for step in whole:
        steps.append(step)
        states.append(whole.state())
    assert len(steps) == whole.steps == 6 and whole.settled
    assert sorted(item for step in steps[:3] for part in step for item in part) == [
        "a",
        "bb",
        "ccc",
        "dddd",
        "eeeee",
    ]
    for done, state in enumerate(states):
        again = reading()
        again.restore(state)
        assert list(again) == steps[done:]


def test_t27_a_stranger_is_the_next_that_asks_something_else_and_fits() -> None:
    """The second asks what the first does, the third's answer is too long, and after the last comes the first."""
    asked = [[1, 2], [1, 2], [3], [4], [5, 6]]
    said = [[10], [11], [12] * 9, [13, 14], [15]]
    lists = [
        Candidate([Rendered(a + b, [False] * len(a) + [True] * len(b))], [0], [])
        for a, b in zip(asked, said, strict=True)
    ]
    found = [stranger(lists, place, 6).rows[0] for place in range(5)]
    assert [row.tokens for row in found] == [[1, 2, 13, 14], [1, 2, 13, 14], [3, 13, 14], [4, 15], [5, 6, 10]]
    assert [row.opening for row in found] == [2, 2, 1, 1, 2]
