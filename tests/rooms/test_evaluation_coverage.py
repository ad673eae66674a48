"""What a 95 % interval promises: of 1,000 worlds whose truth is known, it holds the truth in 930 to 970."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import expit, ndtr

from concord.evaluation.controlled import held_equal
from concord.evaluation.duels import Duel, rate
from concord.evaluation.intervals import Estimate
from concord.evaluation.league import POINTS, START, league
from concord.evaluation.predicted import Label, powered

pytestmark = [pytest.mark.slow, pytest.mark.long]

WORLDS = 1000


def holds(estimate: Estimate, truth: float) -> bool:
    """Whether an interval holds the truth."""
    assert estimate["low"] is not None and estimate["high"] is not None
    return estimate["low"] <= truth <= estimate["high"]


def alike(random: np.random.Generator, prompts: int, answers: int, share: float) -> np.ndarray:
    """[prompts, answers] uniform numbers, of which those of one prompt have so much in common.

    Compared with a chance they give outcomes that have exactly this chance each and yet go together prompt by prompt.
    """
    common, own = random.normal(size=(prompts, 1)), random.normal(size=(prompts, answers))
    return ndtr(np.sqrt(share) * common + np.sqrt(1 - share) * own)


def test_a_clustered_win_rate_covers_the_truth() -> None:
    """100 prompts with four duels each, whose chance of a win differs from prompt to prompt by 1.5 in the logit."""
    random = np.random.default_rng(0)
    truth = float(expit(0.4 + 1.5 * np.random.default_rng(1).normal(size=4_000_000)).mean())
    held = naive = 0
    for _ in range(WORLDS):
        chances = expit(0.4 + 1.5 * random.normal(size=(100, 1)))
        won = random.random((100, 4)) < chances
        duels = [Duel(str(prompt), "a", "b", float(one)) for prompt, four in enumerate(won) for one in four]
        held += holds(rate(duels), truth)
        apart = [Duel(str(place), "a", "b", duel.share) for place, duel in enumerate(duels)]
        naive += holds(rate(apart), truth)
    assert 930 <= held <= 970
    assert naive < 900  # what is lost by counting answers of one prompt as independent


def test_a_rate_with_length_held_equal_covers_the_truth() -> None:
    """A judge that likes long answers, a model whose answers are longer, and prompts that go together."""
    random = np.random.default_rng(2)
    truth, leaning = float(expit(0.2)), 1.2
    held = raw = 0
    for _ in range(WORLDS):
        gaps = random.normal(120, 300, (100, 3)).round()
        chances = expit(0.2 + leaning * np.tanh(gaps / gaps.std()))
        won = alike(random, 100, 3, 0.4) < chances
        duels = [
            Duel(str(prompt), "a", "b", float(one), ("x" * int(1500 + gap), "x" * 1500))
            for prompt, (three, some) in enumerate(zip(won, gaps, strict=True))
            for one, gap in zip(three, some, strict=True)
        ]
        held += holds(held_equal(duels).rates["a"], truth)
        raw += holds(rate(duels), truth)
    assert 930 <= held <= 970
    assert raw < 700  # the raw rate is of something else


def test_a_prediction_powered_rate_covers_the_truth_with_a_narrower_interval() -> None:
    """People labelled 100 prompts, a judge that agrees with them in 4 of 5 and flatters the model labelled 1,000."""
    random = np.random.default_rng(3)
    truth, held, judge = 0.45, 0, 0
    widths = []
    for _ in range(WORLDS):
        people = random.random(1000) < truth
        said = np.where(people, random.random(1000) < 0.9, random.random(1000) < 0.3)
        labels = [Label(str(place), float(people[place]), float(said[place])) for place in range(100)]
        found = powered(labels, [(str(place), float(said[place])) for place in range(100, 1000)])
        held += holds(found.rate, truth)
        judge += abs(said.mean() - truth) < 0.03
        widths.append(
            ((found.rate["high"] or 0) - (found.rate["low"] or 0))
            / ((found.alone["high"] or 0) - (found.alone["low"] or 0))
        )
    assert 930 <= held <= 970
    assert float(np.mean(widths)) < 0.9 and judge == 0


def test_strengths_of_a_league_cover_the_truth() -> None:
    """Four models meet on 80 prompts, each pair once a prompt; ties are half of each, and prompts go together."""
    random = np.random.default_rng(4)
    names, levels = "abcd", np.array([0.0, 0.8, 0.3, -0.6])
    pairs = list(combinations(range(4), 2))
    chances = expit(np.array([levels[one] - levels[other] for one, other in pairs]))
    held = np.zeros(4, int)
    for world in range(WORLDS):
        won, again = ((alike(random, 80, len(pairs), 0.3) < chances).astype(float) for _ in range(2))
        shares = np.where(
            random.random(won.shape) < 0.5, (won + again) / 2, won
        )  # two that disagree are a tie
        duels = [
            Duel(str(prompt), names[one], names[other], float(shares[prompt, column]))
            for prompt in range(80)
            for column, (one, other) in enumerate(pairs)
        ]
        found = {one.name: one.elo for one in league(duels, "a", resamples=200, seed=world).standings}
        held += [
            holds(found[name], START + POINTS * level) for name, level in zip(names, levels, strict=True)
        ]
    assert held[0] == WORLDS  # the anchor is where it is
    assert all(930 <= count <= 970 for count in held[1:])


def test_strengths_with_style_held_equal_cover_the_truth() -> None:
    """The same league before a judge that likes length, and one of whose models writes more than the others."""
    random = np.random.default_rng(5)
    names, levels, usual = "abc", np.array([0.0, 0.5, -0.4]), np.array([1000, 1100, 1400])
    pairs = list(combinations(range(3), 2))
    held = np.zeros(3, int)
    for _ in range(WORLDS):
        sizes = (usual + random.normal(0, 250, (80, 3))).clip(50).round()
        gaps = np.column_stack([sizes[:, one] - sizes[:, other] for one, other in pairs])
        chances = expit([levels[one] - levels[other] for one, other in pairs] + np.tanh(gaps / gaps.std()))
        won = alike(random, 80, 3, 0.3) < chances
        duels = [
            Duel(
                str(prompt),
                names[one],
                names[other],
                float(won[prompt, column]),
                ("x" * int(sizes[prompt, one]), "x" * int(sizes[prompt, other])),
            )
            for prompt in range(80)
            for column, (one, other) in enumerate(pairs)
        ]
        found = {one.name: one.controlled for one in league(duels, "a", resamples=1).standings}
        held += [
            holds(found[name], START + POINTS * level) for name, level in zip(names, levels, strict=True)
        ]
    assert all(930 <= count <= 970 for count in held[1:])
