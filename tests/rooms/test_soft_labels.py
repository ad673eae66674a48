"""Soft labels and weights on their way from a judge's mouth to the gradient, in memory and on disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.rooms import families

from concord import formats
from concord.algorithms import kto
from concord.algorithms.preference import PreferenceObjective, direct, matched
from concord.algorithms.reward import RewardObjective
from concord.batches import collate
from concord.errors import RecordError
from concord.maths.ranking import bradley_terry, soft_bradley_terry
from concord.models import RewardModel
from concord.records import Completion, Message, Prompt, Ranking, Stream
from concord.records.files import write_rows
from concord.settings import DPO, KTO, Reward, Smoothed

torch.set_num_threads(1)
NAN = float("nan")


def test_t29_soft_bradley_terry_by_hand() -> None:
    """Golden values of the hard loss: .2014132780 for a lead of 1.5, so 1.7014132780 for the other side."""
    scores = torch.tensor([[1.0, -0.5]], dtype=torch.float64)

    def surprise(chance: float) -> float:
        return float(soft_bradley_terry(scores, torch.tensor([[[NAN, chance], [NAN, NAN]]])))

    assert surprise(1.0) == pytest.approx(0.2014132780, abs=1e-9)
    assert surprise(0.0) == pytest.approx(1.7014132780, abs=1e-9)
    assert surprise(0.75) == pytest.approx(0.75 * 0.2014132780 + 0.25 * 1.7014132780, abs=1e-9)
    assert surprise(NAN) == 0.0


@settings(max_examples=25)
@given(some.lists(some.floats(-5, 5), min_size=3, max_size=3), some.permutations([0, 1, 2]))
def test_certain_chances_are_the_hard_loss(values: list[float], tiers: list[int]) -> None:
    scores = torch.tensor([values], dtype=torch.float64, requires_grad=True)
    chances = torch.full((1, 3, 3), NAN, dtype=torch.float64)
    for one, other in ((0, 1), (0, 2), (2, 1)):
        chances[0, one, other] = float(tiers[one] < tiers[other])
    soft, hard = soft_bradley_terry(scores, chances), bradley_terry(scores, torch.tensor([tiers]))
    torch.testing.assert_close(soft, hard)
    (gradient,) = torch.autograd.grad(soft.sum(), scores, retain_graph=True)
    assert bool(torch.isfinite(gradient).all())


def test_the_best_scores_for_a_chance_are_its_odds() -> None:
    scores = torch.tensor([[0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    chances = torch.tensor([[[NAN, 0.8], [NAN, NAN]]], dtype=torch.float64)
    learner = torch.optim.SGD([scores], lr=1.0)
    for _ in range(400):
        learner.zero_grad()
        soft_bradley_terry(scores, chances).sum().backward()
        learner.step()
    assert float(torch.sigmoid(scores.detach()[0, 0] - scores.detach()[0, 1])) == pytest.approx(0.8, abs=1e-4)


def ranking(name: str, weight: float = 1.0, chances: Any = ()) -> Ranking:
    asked = Prompt((Message("user", f"say {name}"),), name)
    texts = (f"{name} yes", f"{name} no", f"{name} so so")
    said = tuple(Completion(asked, text, finish="stop") for text in texts)
    return Ranking(asked, said, ((2,), (0,)), weight=weight, chances=chances)


SOFT = [ranking("a", 0.5, ((0, 2, 0.123457), (1, 2, 0.25))), ranking("b"), ranking("c", 2.0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    made = RewardModel.load(families.folder(tmp_path_factory.mktemp("m") / "llama", "llama"), families.CPU)
    torch.manual_seed(0)
    torch.nn.init.normal_(made.network.score.weight)
    return made


def gathered(model: RewardModel, rankings: Any) -> Any:
    return collate.rankings(rankings, model.template, 64, lambda line: None)


def test_weights_and_chances_reach_the_batch_from_memory_and_from_disk(
    model: RewardModel, tmp_path: Path
) -> None:
    stream = Stream(lambda: iter(SOFT), "soft", tmp_path)
    for lists in (gathered(model, SOFT), gathered(model, stream)):
        # only answers 0 and 2 were ranked, best tier first is 2; their rows are 0 and 1
        assert [one.tiers for one in lists] == [[1, 0]] * 3
        assert [one.weight for one in lists] == [0.5, 1.0, 2.0]
        assert [one.chances for one in lists] == [((0, 1, 0.123457),), (), ()]
        batch = collate.lists(list(lists))
        assert batch.weight == 3.5 and batch.weights is not None and batch.chances is not None
        assert float(batch.chances[0, 0, 1]) == pytest.approx(0.123457)
        assert int((~batch.chances.isnan()).sum()) == 1
    plain = collate.lists(list(gathered(model, [ranking("b"), ranking("d")])))
    assert plain.weights is None and plain.chances is None and plain.weight == 2.0


def loss(model: RewardModel, rankings: list[Ranking], likelihood: str = "bradley-terry") -> float:
    objective = RewardObjective(model, Reward(likelihood=likelihood, centring=0.0))  # type: ignore[arg-type]
    return float(objective(collate.lists(list(gathered(model, rankings)))).mean.detach())


@pytest.mark.parametrize("likelihood", ["bradley-terry", "plackett-luce"])
def test_t29_a_ranking_of_weight_two_counts_as_two(model: RewardModel, likelihood: str) -> None:
    b, c = ranking("b"), ranking("c")
    twice = loss(model, [b, c, c], likelihood)
    assert loss(model, [b, ranking("c", 2.0)], likelihood) == pytest.approx(twice, abs=1e-6)
    assert loss(model, [ranking("b", 0.5), c], likelihood) == pytest.approx(twice, abs=1e-6)
    assert loss(model, [b, c], likelihood) != pytest.approx(twice, abs=1e-4)


def test_t29_soft_labels_are_learned_by_bradley_terry(model: RewardModel) -> None:
    hard, against = loss(model, [ranking("a")]), loss(model, [ranking("a", 1.0, ((0, 2, 1.0),))])
    assert against == pytest.approx(loss(model, [replace(ranking("a"), tiers=((0,), (2,)))]), abs=1e-6)
    assert against != pytest.approx(hard, abs=1e-3)
    half = loss(model, [ranking("a", 1.0, ((0, 2, 0.5),))])
    assert loss(model, [ranking("a", 1.0, ((0, 2, 0.0),))]) == pytest.approx(hard, abs=1e-6)
    assert half == pytest.approx((hard + against) / 2, abs=1e-6)
    assert loss(model, [ranking("a", 1.0, ((0, 2, 0.5),))], "plackett-luce") == pytest.approx(hard, abs=1e-6)


def test_weights_reach_dpo(model: RewardModel) -> None:
    class Speaker:
        """A policy that finds a row as likely as its number says."""

        compute = model.compute

        def logprobs(self, sequences: Any, temperature: float) -> Any:
            return -torch.arange(1.0, len(sequences.rows) + 1)[:, None]

    def dpo(rankings: list[Ranking]) -> float:
        batch = collate.lists(list(gathered(model, rankings)))
        batch.reference[:] = torch.tensor([0.0, 1.0] + [0.0, 0.0] * (len(rankings) - 1))
        return float(PreferenceObjective(Speaker(), direct(DPO(beta=0.5)))(batch).mean)  # type: ignore[arg-type]

    first, second = dpo([ranking("a")]), dpo([ranking("a"), ranking("b")]) * 2 - dpo([ranking("a")])
    assert dpo([ranking("a", 3.0), ranking("b")]) == pytest.approx((3 * first + second) / 4, abs=1e-6)


class Counting:
    """A policy that finds rows likely as their tokens' sums, taken modulo 97, say."""

    compute = families.CPU

    def logprobs(self, sequences: Any, temperature: float = 1.0) -> Any:
        return -torch.tensor([[sum(row.tokens) % 97 / 10] for row in sequences.rows])


def test_t29_kto_counts_a_ranking_of_weight_two_as_two(model: RewardModel) -> None:
    """In the loss, and in what is usual on answers to other prompts."""

    def learned(*weighed: tuple[str, float]) -> float:
        lists = list(gathered(model, [ranking(name, weight) for name, weight in weighed]))
        lists = [replace(one, reference=[-4.0, -6.0]) for one in lists]
        strange = {
            name: one for name, one in zip("abc", gathered(model, [*map(ranking, "bca")]), strict=True)
        }
        cases = [
            kto.Case(one, replace(strange[name], rows=strange[name].rows[:1], reference=[-11.0]))
            for one, (name, _) in zip(lists, weighed, strict=True)
        ]
        objective = kto.KTOObjective(Counting(), KTO(beta=0.5))  # type: ignore[arg-type]
        (batch,) = objective.look(0, [kto.marked(cases)])
        assert float(batch.baseline) > 0 and batch.weight == sum(weight for _, weight in weighed)
        return float(objective(batch).mean)

    twice = learned(("a", 1), ("b", 1), ("b", 1), ("c", 1))
    assert learned(("a", 1), ("b", 2), ("c", 1)) == pytest.approx(twice, abs=1e-6)
    assert learned(("a", 1), ("b", 1), ("c", 1)) != pytest.approx(twice, abs=1e-3)


def test_aot_learns_tiers_whatever_the_chances(model: RewardModel) -> None:
    """Which rank a pair has among all of a step's is no matter of how sure somebody was of it."""
    objective = PreferenceObjective(Counting(), direct(DPO(loss=Smoothed(method="aot"))))  # type: ignore[arg-type]

    def learned(chances: Any) -> tuple[float, Any]:
        batch = collate.lists(list(gathered(model, [ranking("a", 1.0, chances), ranking("b", 1.0, chances)])))
        batch.reference[:] = torch.tensor([-7.0, -9.0, -3.0, -8.0])
        (held,) = matched(objective, [batch])
        return float(objective(held).mean), held.handicap.tolist()

    assert learned(((0, 2, 0.4),)) == learned(())


def test_files_keep_weights_and_chances(tmp_path: Path) -> None:
    formats.write_rankings(tmp_path / "r.jsonl", SOFT)
    assert list(formats.read_rankings(tmp_path / "r.jsonl").records) == SOFT
    assert "weight" not in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()[1]
    report = formats.write_rankings(tmp_path / "pairs.jsonl", SOFT, "trl-preference")
    assert "trl-preference cannot carry soft labels: 2 chances dropped" in report.losses
    assert "trl-preference cannot carry how much a ranking counts: 2 weights dropped" in report.losses


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"weight": 0}, "`weight` is 0; it must be above 0"),
        ({"weight": True}, "`weight`"),
        ({"chances": [[0, 1, 1.5]]}, r"`chances\[0\]\[2\]` is 1.5; a chance runs from 0 to 1"),
        ({"chances": [[0, 0, 0.5]]}, "named twice"),
        ({"chances": [[0, 1]]}, "two positions and a chance are needed"),
        ({"chances": [[0, 2, 0.5]]}, "positions run from 0 to 1"),
        ({"chances": [[0, 1, 0.5], [1, 0, 0.5]]}, "already have a chance"),
    ],
)
def test_soft_labels_that_cannot_be_are_errors(tmp_path: Path, more: dict[str, Any], complaint: str) -> None:
    row = {"prompt": "hi", "completions": ["a", "b"], "tiers": [[0], [1]], **more}
    write_rows(tmp_path / "r.jsonl", [row])
    with pytest.raises(RecordError, match=complaint):
        formats.read_rankings(tmp_path / "r.jsonl")
