"""Learning straight from preferences, online and from a teacher: one gradient however a step is cut, and by hand."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.rooms import families
from tests.rooms.methods import PROMPTS, RANKINGS, UNEVEN, bench, gradients, ranking, sums

from concord.algorithms import ALGORITHMS, online
from concord.algorithms.preference import leads
from concord.errors import ModelError, RecordError, SettingsError
from concord.maths import preference
from concord.maths.drift import log_collision
from concord.maths.ranking import plackett_luce
from concord.records import Ranking
from concord.settings import (
    CPO,
    DPO,
    DPOP,
    KTO,
    MPO,
    ORPO,
    Alpha,
    Averaged,
    Between,
    DiscoPOP,
    Distill,
    Divergence,
    Learning,
    Link,
    OnlineDPO,
    Plain,
    Rejection,
    Renewed,
    Rollouts,
    SimPO,
    Smoothed,
)

ONE: dict[str, Any] = {"epochs": 1, "batch": 4}
SAID = Rollouts(rounds=1, prompts=3, samples=3, passes=1, updates=1, longest=7)
TAUGHT: dict[str, Any] = {"teacher": "teacher", "batch": 5, "longest": 6}
PLAIN: Any = ["sigmoid", "ipo", "hinge", "nca", "bco", "sppo", "apo-zero", "apo-down", "plackett-luce"]
CASES: dict[str, Any] = {
    **{name: DPO(loss=Plain(method=name), **ONE) for name in PLAIN},
    **{name: DPO(loss=Smoothed(method=name), **ONE) for name in ("conservative", "robust", "exo", "aot")},
    "discopop": DPO(loss=DiscoPOP(), **ONE),
    "dpop": DPO(loss=DPOP(), **ONE),
    "mpo": DPO(loss=MPO(), nll=1.0, **ONE),
    "mean": DPO(measure="mean", beta=2.0, **ONE),
    "tail": DPO(tail=0.3, **ONE),
    "wpo": DPO(weighting="on-policy", **ONE),
    "forward-kl": DPO(divergence=Link(method="forward-kl"), **ONE),
    "jensen-shannon": DPO(divergence=Link(method="jensen-shannon"), **ONE),
    "alpha": DPO(divergence=Alpha(), **ONE),
    "moving": DPO(reference=Averaged(every=1), tail=0.5, **ONE),
    "kto": KTO(good=1.5, **ONE),
    "simpo": SimPO(nll=0.1, **ONE),
    "cpo": CPO(**ONE),
    "orpo": ORPO(weight=0.5, **ONE),
    "odds": OnlineDPO(rollout=SAID),
    "drawn": OnlineDPO(rollout=SAID, labels="drawn", loss=Plain(method="plackett-luce")),
    "order": OnlineDPO(rollout=SAID, labels="order", loss=Plain(method="ipo")),
    "teacher": Distill(**TAUGHT, nll=0.5),
    "reverse": Distill(**TAUGHT, divergence=Divergence(method="reverse-kl")),
    "between": Distill(**TAUGHT, divergence=Between(share=0.3), answers="own"),
    "rejection": Rejection(samples=2, batch=5, longest=6),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """GPT-2 computes in float64 throughout if asked to; Llamas round to float32 in their norms."""
    path = families.folder(tmp_path_factory.mktemp("direct") / "gpt2", "gpt2")
    parts = bench(path, reference=5)
    return parts, copy.deepcopy(parts.policy), copy.deepcopy(parts.reference.network.state_dict())


def fresh(loaded: Any, micro_tokens: int = 8192, **more: Any) -> Any:
    """A bench with the weights as they were loaded."""
    parts, before, reference = loaded
    parts.policy.network.load_state_dict(before.network.state_dict())
    parts.reference.network.load_state_dict(reference)
    return replace(parts, learning=Learning(micro_tokens=micro_tokens), kept=[], said=[], **more)


def made(name: str, loaded: Any, micro_tokens: int = 8192, **more: Any) -> Any:
    """A course, its policy away from where it, and its reference, began."""
    course = ALGORITHMS[CASES[name].method](CASES[name], fresh(loaded, micro_tokens, **more))
    torch.manual_seed(9)
    with torch.no_grad():
        for parameter in course.networks["policy"].parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return course


OFTEN = ("sigmoid", "plackett-luce", "kto", "simpo", "reverse")


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_t27_one_gradient_however_a_step_is_cut(name: str, loaded: Any) -> None:
    """Loss, gradient and notes are the same from one batch, from several, and from one a list or row."""
    whole, notes = gradients(made(name, loaded))
    assert max(float(gradient.abs().max()) for gradient in whole[0].values()) > 1e-4
    cuts = set()
    for micro_tokens in (1, 60):
        course = made(name, loaded, micro_tokens)
        objective, batches = course.objective, []
        counted = replace(course, objective=lambda batch, f=objective, b=batches: b.append(batch) or f(batch))
        (cut, *_), (told, *_) = gradients(counted)
        cuts.add(len(batches))
        cuts.add(len(next(iter(made(name, loaded, micro_tokens).feed))))
        assert cut.keys() == whole[0].keys()
        for one, gradient in whole[0].items():
            torch.testing.assert_close(cut[one], gradient, atol=1e-8, rtol=1e-6)
        assert {k: v for k, v in told.items() if k != "tokens"} == pytest.approx(
            {k: v for k, v in notes[0].items() if k != "tokens"}, abs=1e-6
        )
    assert max(cuts) >= 3


def drifts(course: Any, loaded: Any, rankings: Sequence[Ranking] = RANKINGS) -> list[list[float]]:
    before = loaded[1]
    now = course.objective.policy
    return [[a - b for a, b in zip(sums(now, one), sums(before, one), strict=True)] for one in rankings]


def told(course: Any) -> dict[str, float]:
    notes: dict[str, float] = gradients(course)[1][0]
    return notes


def test_t27_listwise_by_hand(loaded: Any) -> None:
    """Plackett-Luce on implicit rewards: full orders, and a tie whose members never rival each other."""
    course = made("plackett-luce", loaded)
    losses = []
    for one, drift in zip(RANKINGS, drifts(course, loaded), strict=True):
        worth, left = [math.exp(0.1 * d) for d in drift], 0.0
        for number, tier in enumerate(one.tiers):
            later = sum(worth[place] for rest in one.tiers[number + 1 :] for place in rest)
            left += sum(math.log((worth[place] + later) / worth[place]) for place in tier)
        losses.append(left)
    assert told(course)["loss"] == pytest.approx(sum(losses) / 4, abs=1e-6)
    # two answers are one choice: for the lists of two it is DPO's own loss
    first = drifts(course, loaded)[0]
    assert losses[0] == pytest.approx(math.log1p(math.exp(-0.1 * (first[1] - first[0]))))


def test_t27_optimal_transport_compares_the_pairs_of_a_step(loaded: Any) -> None:
    """With one pair a ranking it is the formula that sorts all pairs at once, and TRL's (tests/maths)."""
    two = [one for one in RANKINGS if len(one.completions) == 2]
    two += [ranking(prompt, ((0,), (1,)), "far to the sea", "ten") for prompt in PROMPTS[1:3]]
    course = made("aot", loaded, rankings=two)
    now, before = course.objective.policy, loaded[1]
    leads = [
        torch.tensor([said[b] - said[w] for one in two for said in [sums(who, one)] for b, w in one.pairs()])
        for who in (now, before)
    ]
    assert leads[0].argsort().tolist() != leads[1].argsort().tolist()
    wanted = preference.aot(*leads, beta=0.1, smoothing=0.1).mean()
    assert told(course)["loss"] == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("rankings", [RANKINGS, UNEVEN])
def test_t27_kto_by_hand(loaded: Any, rankings: list[Ranking]) -> None:
    """Best tier good, last bad, however many each has; what is usual is measured on the next ranking's first answer."""
    course = made("kto", loaded, rankings=rankings)
    policy, before = course.objective.policy, loaded[1]
    drift = drifts(course, loaded, rankings)
    usual = []
    for number, one in enumerate(rankings):
        other = rankings[(number + 1) % 4]
        first = other.completions[min(place for tier in other.tiers for place in tier)]
        mixed = ranking(one.prompt, ((0,), (1,)), first.text, "x")
        usual.append(sums(policy, mixed)[0] - sums(before, mixed)[0])
    baseline = max(0.0, sum(usual) / 4)
    losses = []
    for one, d in zip(rankings, drift, strict=True):
        good = [1.5 * (1 - 1 / (1 + math.exp(-0.1 * (d[p] - baseline)))) for p in one.tiers[0]]
        bad = [1 - 1 / (1 + math.exp(-0.1 * (baseline - d[p]))) for p in one.tiers[-1]]
        losses.append((sum(good) / len(good) + sum(bad) / len(bad)) / 2)
    notes = told(course)
    assert notes["baseline"] == pytest.approx(baseline, abs=1e-5)
    assert notes["loss"] == pytest.approx(sum(losses) / 4, abs=1e-6)
    for name, end in (("good_reward", 0), ("bad_reward", -1)):
        means = [
            sum(d[p] for p in one.tiers[end]) / len(one.tiers[end])
            for one, d in zip(rankings, drift, strict=True)
        ]
        assert notes[name] == pytest.approx(0.1 * sum(means) / 4, abs=1e-6)
    with pytest.raises(RecordError, match="several prompts, or use dpo"):
        made("kto", loaded, rankings=[RANKINGS[0], ranking(PROMPTS[0], ((0,), (1,)), "a", "b")])


@pytest.mark.parametrize("name", ["simpo", "cpo", "orpo"])
def test_t27_without_a_reference_none_is_computed(name: str, loaded: Any) -> None:
    """By hand from sums and lengths."""
    course = made(name, loaded)
    policy, settings = course.objective.policy, CASES[name]
    losses = []
    for one in RANKINGS:
        said = sums(policy, one)
        sizes = [sum(policy.template.completion(c).scored) for c in one.completions]
        means = [a / b for a, b in zip(said, sizes, strict=True)]
        first = sum(-means[place] for place in one.tiers[0]) / len(one.tiers[0])
        each = {
            "simpo": lambda b, w, m=means: math.log1p(math.exp(-(2.0 * (m[b] - m[w]) - 1.0))),
            "cpo": lambda b, w, s=said: math.log1p(math.exp(-0.1 * (s[b] - s[w]))),
            "orpo": lambda b, w, m=means: 0.5 * math.log1p(odds(m[w]) / odds(m[b])),
        }[name]
        pairs = [each(b, w) for b, w in one.pairs()]
        weight = 1.0 if name == "orpo" else settings.nll
        losses.append(sum(pairs) / len(pairs) + weight * first)
    assert told(course)["loss"] == pytest.approx(sum(losses) / 4, abs=1e-6)
    assert all(one.reference.isnan().all() for step in made(name, loaded).feed for one in step)


def odds(mean: float) -> float:
    return math.exp(mean) / (1 - math.exp(mean))


def test_t27_what_looks_like_the_policys_own_words_counts_more(loaded: Any) -> None:
    """WPO by hand: each pair times exp of the mean of log p - log sum p^2 of both, from plain logits."""
    course = made("wpo", loaded)
    policy, losses = course.objective.policy, []
    for one, drift in zip(RANKINGS, drifts(course, loaded), strict=True):
        weights = []
        for completion in one.completions:
            row = policy.template.completion(completion)
            logits = policy.network(input_ids=torch.tensor([row.tokens])).logits[0].detach()[:-1]
            said = logits.log_softmax(-1).gather(-1, torch.tensor(row.tokens[1:])[:, None])[:, 0]
            gaps = (said - log_collision(logits))[torch.tensor(row.scored[1:])]
            weights.append(float(gaps.mean().exp()))
        pairs = [
            math.log1p(math.exp(-0.1 * (drift[b] - drift[w]))) * weights[b] * weights[w]
            for b, w in one.pairs()
        ]
        losses.append(sum(pairs) / len(pairs))
    assert told(course)["loss"] == pytest.approx(sum(losses) / 4, abs=1e-6)


def test_t28_online_labels(loaded: Any) -> None:
    """The scorer's odds weigh both orders of each pair; drawn rankings come as often as they say."""
    scores = torch.tensor([[1.0, 3.0, 2.0]])
    assert online.standing(scores, False).tolist() == [[2, 0, 1]]
    assert online.standing(torch.tensor([[1.0, 1.0, 0.0]]), False).tolist() == [[0, 0, 2]]
    found = online.odds(scores)[0]
    assert found[1, 0].item() == pytest.approx(1 / (1 + math.exp(-2)))
    assert found.diagonal().isnan().all() and float(found.nan_to_num().sum()) == pytest.approx(3.0)
    torch.testing.assert_close((found + found.T)[0, 1:], torch.ones(2))
    drawn = online.standing(scores.expand(20000, 3), True, 7)
    full = torch.tensor([[2, 0, 1]])
    share = float((drawn == full).all(-1).double().mean())
    assert share == pytest.approx(float((-plackett_luce(scores, full)).exp()), abs=0.012)
    ahead = online.standing(torch.tensor([[2.0, 0, 0, 0, 0, 0]]).expand(20000, 6), True, 7)[:, 0] == 0
    assert float(ahead.double().mean()) == pytest.approx(math.exp(2) / (math.exp(2) + 5), abs=0.012)
    course = made("odds", loaded)
    (lists,) = next(iter(course.feed))
    assert lists.chances is not None and leads(lists).sum((-2, -1)).tolist() == pytest.approx([3.0] * 3)


def test_a_chance_told_of_one_order_tells_the_other() -> None:
    """0.7 that the second is better leaves 0.3; a list without any is read by its tiers."""
    chances = torch.full((2, 2, 2), math.nan)
    chances[0, 1, 0] = 0.7
    batch: Any = SimpleNamespace(tiers=torch.tensor([[0, 1], [1, 0]]), chances=chances)
    torch.testing.assert_close(leads(batch), torch.tensor([[[0, 0.3], [0.7, 0]], [[0, 0], [1, 0]]]))


def test_what_cannot_be_is_refused(loaded: Any) -> None:
    """Each by the names of its settings."""
    plain, lists = {"rollout": SAID}, Plain(method="plackett-luce")
    for settings, words in (
        (OnlineDPO(loss=lists, **plain), "odds of pairs"),
        (OnlineDPO(rollout=SAID.model_copy(update={"updates": 2})), "divide the prompts"),
        (OnlineDPO(loss=Smoothed(method="aot"), **plain), "fixed pairs"),
        (DPO(loss=Smoothed(method="aot"), measure="mean"), "measure sum"),
        (DPO(loss=lists, weighting="on-policy"), "weighs pairs"),
        (Distill(teacher="teacher", weight=0, last_weight=0), "nothing to learn"),
    ):
        with pytest.raises(SettingsError, match=words):
            ALGORITHMS[settings.method](settings, fresh(loaded))
    parts = fresh(loaded)
    parts.learning = Learning(adapter=4)
    with pytest.raises(SettingsError, match=r"learning\.adapter"):
        ALGORITHMS["dpo"](DPO(reference=Renewed()), parts)
    parts = fresh(loaded)
    parts.reference = replace(parts.reference, template=copy.deepcopy(parts.policy.template))
    parts.reference.template.tokenizer.add_tokens(["another"])
    with pytest.raises(ModelError, match="different tokenizers"):
        ALGORITHMS["distill"](CASES["teacher"], parts)
