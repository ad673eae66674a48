"""Reward models learn what they should, on tiny networks: utilities, ratings, the step that is wrong, agreement."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from scipy.stats import kendalltau
from tests.journey import arithmetic

from concord.algorithms import Course, process, reward
from concord.maths.process import convincing
from concord.maths.statistics import cluster_interval
from concord.records import MARKS, Completion, Message, Prompt, Ranking, Rating
from concord.roles import Scorer
from concord.scoring import Ensemble, Learned, Part, Process
from concord.settings import Learning, Ratings, Reward, Steps
from concord.training import Guard, Local, Optimizer, fit, schedule

torch.set_num_threads(1)

WORDS = arithmetic.WORDS[2:]
ASKED = [Prompt((Message("user", f"{n % 16} {n // 16} :"),), f"p{n}") for n in range(256)]
pytestmark = pytest.mark.slow


@dataclass
class Bench:
    """What reward models ask of a bench."""

    seed: int = 0
    learning: Learning = field(default_factory=Learning)

    def say(self, line: str) -> None:
        """Nobody listens."""


def learned(course: Course) -> None:
    optimizer = Optimizer(course.networks, course.rates, 0.0, 1.0, schedule("linear", course.steps, 0.1))
    fit(course.feed, course.objective, Local(), optimizer, Guard())


def said(prompt: Prompt, *words: str) -> Completion:
    return Completion(prompt, " ".join(words), finish="stop")


SPACED = random.Random(3).sample(range(16), 16)
UTILITY = {word: 0.4 * (place - 7.5) for word, place in zip(WORDS, SPACED, strict=False)}


@cache
def lists() -> tuple[Ranking, ...]:
    """Four answers of one word each, ranked by a choice after another as Plackett and Luce say."""
    chance, found = random.Random(1), []
    for turn in range(512):
        prompt, four = ASKED[turn % len(ASKED)], chance.sample(list(UTILITY), 4)
        seen = [UTILITY[word] - math.log(chance.expovariate(1)) for word in four]
        tiers = tuple((place,) for place in sorted(range(4), key=lambda place: -seen[place]))
        found.append(Ranking(prompt, tuple(said(prompt, word) for word in four), tiers))
    return tuple(found)


@cache
def from_lists(likelihood: Any, centring: float) -> tuple[list[float], float]:
    """The mean score of each word over a few prompts, and the share of pairs that are ordered as they were."""
    model = arithmetic.model()
    asked = Reward(likelihood=likelihood, centring=centring, epochs=3, rate=2e-3, batch=16)
    learned(reward.build(asked, Bench(), model, lists()))
    scorer = Learned(model)
    means = [sum(scorer.score([said(prompt, word) for prompt in ASKED[:8]])) / 8 for word in UTILITY]
    known = {word: mean for word, mean in zip(UTILITY, means, strict=True)}
    pairs = [(r.completions[b].text, r.completions[w].text) for r in lists() for b, w in r.pairs()]
    return means, sum(known[better] > known[worse] for better, worse in pairs) / len(pairs)


@pytest.mark.parametrize("likelihood", ["bradley-terry", "plackett-luce", "davidson", "ranknet", "listnet"])
def test_t14_t16_a_network_recovers_utilities_from_choices(likelihood: str) -> None:
    """Kendall's tau with the utilities that made the choices is above .9, however a ranking is read."""
    means, _ = from_lists(likelihood, 0.01)
    assert kendalltau(means, list(UTILITY.values())).statistic > 0.9


def test_t18_centring_brings_the_mean_to_0_and_leaves_the_accuracy() -> None:
    """A pull of 0.1: the mean score comes nearer to 0, and as many pairs are ordered right, to a hundredth."""
    (free, right), (pulled, as_right) = from_lists("bradley-terry", 0.0), from_lists("bradley-terry", 0.1)
    assert abs(sum(pulled) / len(pulled)) < 0.05 < abs(sum(free) / len(free))
    assert abs(right - as_right) <= 0.01


def test_t17_a_network_recovers_ratings_and_who_rates_high() -> None:
    """Three raters, one of whom lies a spread above another; each sees other answers more often."""
    chance, ratings = random.Random(2), []
    lean = {"high": 1.5, "fair": 0.0, "low": -1.5}
    ordered = sorted(UTILITY, key=lambda word: UTILITY[word])
    for turn in range(1600):
        place = chance.randrange(16)
        by = chance.choices(list(lean), (16 - place, 8, place + 1))[0]
        value = UTILITY[ordered[place]] + lean[by] + chance.gauss(0, 0.3)
        ratings.append(Rating(said(ASKED[turn % len(ASKED)], ordered[place]), value, by=by))
    model = arithmetic.model()
    asked = Reward(epochs=3, rate=2e-3, batch=32, ratings=Ratings(raters="leaning"))
    course = reward.build(asked, Bench(), model, None, ratings)
    learned(course)
    record = course.objective.record()  # type: ignore[attr-defined]
    spread = record["scales"]["overall"]["spread"]
    for name, wanted in lean.items():
        assert record["leanings"][name] * spread == pytest.approx(wanted, abs=0.2)
    found = [sum(Learned(model).score([said(prompt, word) for prompt in ASKED[:8]])) / 8 for word in ordered]
    wide = torch.tensor([UTILITY[word] for word in ordered])
    error = torch.tensor(found) * spread + record["scales"]["overall"]["mean"] - wide
    assert float((error - error.mean()).abs().max()) < 0.5


def auc(above: Sequence[float], below: Sequence[float]) -> float:
    """How often one of the first is above one of the second."""
    gaps = torch.tensor(above)[:, None] - torch.tensor(below)[None]
    return float(((gaps > 0).double() + (gaps == 0).double() / 2).mean())


def test_t30_a_process_model_finds_the_wrong_step_where_an_outcome_model_cannot() -> None:
    """Both know their own matter. Of solutions that end right, the outcome model cannot tell the flawed from the
    flawless (AUC near 1/2); the process model can, and its weakest step is one that is wrong."""
    shown, new = arithmetic.solutions(0, 500), arithmetic.solutions(1, 150)
    flawless, wrong, cancelling = (new[kind::3] for kind in range(3))
    assert all(one.right and one.flawed for one in cancelling)
    steps, ends = arithmetic.model(MARKS), arithmetic.model()
    learned(
        process.build(Steps(epochs=4, rate=3e-3, batch=48), Bench(), steps, [one.labels for one in shown])
    )
    learned(reward.build(Reward(epochs=4, rate=3e-3), Bench(), ends, arithmetic.by_outcome(shown)))

    def scores(scorer: Scorer, some: Sequence[Any]) -> list[float]:
        return scorer.score([one.completion for one in some])

    outcome, weakest = Learned(ends), Process(steps, "weakest")
    assert auc(scores(outcome, [*flawless, *cancelling]), scores(outcome, wrong)) > 0.95
    assert 0.3 < auc(scores(outcome, flawless), scores(outcome, cancelling)) < 0.7
    assert auc(scores(weakest, flawless), scores(weakest, cancelling)) > 0.95
    chances = weakest.chances([one.completion for one in cancelling])
    found = [one.marks[p.index(min(p))] == "incorrect" for one, p in zip(cancelling, chances, strict=True)]
    assert sum(found) / len(found) > 0.9


def test_t30_the_next_to_be_marked_convince_and_are_wrong() -> None:
    """A process model that has seen little: of the solutions of wrong answers it picks those that it believes most."""
    shown, new = arithmetic.solutions(0, 60), arithmetic.solutions(1, 100)
    steps = arithmetic.model(MARKS)
    learned(process.build(Steps(epochs=2, rate=3e-3), Bench(), steps, [one.labels for one in shown]))
    believed = torch.tensor(Process(steps, "product").score([one.completion for one in new]))
    picked = convincing(believed, torch.tensor([one.right for one in new]), 20)
    assert all(not new[place].right for place in picked)
    rest = [place for place, one in enumerate(new) if not one.right and place not in set(picked.tolist())]
    assert believed[picked].min() >= believed[rest].max()


@pytest.mark.long
def test_t25_members_that_must_agree_beat_one_of_them() -> None:
    """Best of 32 by five members at mean - k spread, against best of 32 by one of them: at equal n, and so at equal
    drift, the true worth is higher on average over the members; the interval clusters prompts and is above 0."""
    chance = random.Random(0)
    utility = {word: chance.gauss(0, 1) for word in WORDS}
    common = [1 / (1 + place) for place in range(len(WORDS))]
    chance.shuffle(common)

    def worth(one: Completion) -> float:
        return sum(utility[word] for word in one.text.split())

    def ranked(prompt: Prompt) -> Ranking:
        four = tuple(said(prompt, *chance.choices(WORDS, common, k=5)) for _ in range(4))
        seen = [worth(one) + chance.gauss(0, 1) for one in four]
        return Ranking(prompt, four, tuple((n,) for n in sorted(range(4), key=lambda n: -seen[n])))

    rankings = [ranked(prompt) for prompt in ASKED[:150]]
    known = [one for ranking in rankings for one in ranking.completions]
    parts = []
    for seed in range(5):
        model = arithmetic.model()
        learned(reward.build(Reward(epochs=3, rate=3e-3), Bench(seed), model, rankings))
        found = torch.tensor(Learned(model).score(known))
        parts.append(Part(Learned(model), float(found.mean()), float(found.std(correction=0))))
    prompts = [prompt for prompt in ASKED[150:] for _ in range(2)]
    new = [said(prompt, *chance.choices(WORDS, k=5)) for prompt in prompts for _ in range(32)]
    gold = torch.tensor([worth(one) for one in new]).view(-1, 32)

    def kept(scorer: Scorer) -> torch.Tensor:
        best = torch.tensor(scorer.score(new)).view(-1, 32).argmax(-1, keepdim=True)
        return gold.gather(1, best).squeeze(-1)

    alone = torch.stack([kept(part.scorer) for part in parts]).mean(0)
    gain = (kept(Ensemble(parts, penalty=0.5)) - alone).numpy()
    mean, low, _ = cluster_interval(gain, [prompt.id for prompt in prompts])
    assert mean > 0 and low > 0
