"""Many models before one judge: every number by hand, by numpy, or by another way to the same likelihood."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from concord.errors import RecordError
from concord.evaluation.controlled import controlled, held_equal
from concord.evaluation.duels import Duel, rate
from concord.evaluation.intervals import Estimate, more_prompts, more_to_lead, share
from concord.evaluation.league import POINTS, START, league
from concord.evaluation.logistic import NoAnswer, fit, separated
from concord.evaluation.style import STYLE, differences, looks
from concord.maths.statistics import cluster_error, student_quantile


def likeliest(loss: Callable[[np.ndarray], float], size: int) -> np.ndarray:
    """The least of a loss, found without any of the libraries that are under test."""
    return np.asarray(minimize(loss, np.zeros(size), method="BFGS", tol=1e-12).x)


def leaning(prompts: int = 200, seed: int = 0) -> list[Duel]:
    """Duels before a judge that likes length, some of them with chances instead of verdicts."""
    random = np.random.default_rng(seed)
    gaps = random.normal(100, 300, prompts).round()
    chances = expit(-0.3 + 1.5 * np.tanh(gaps / gaps.std()))
    shares = np.where(random.random(prompts) < 0.3, chances, random.random(prompts) < chances)
    return [
        Duel(str(place), "long", "short", float(one), ("x" * int(1500 + gap), "x" * 1500))
        for place, (one, gap) in enumerate(zip(shares, gaps, strict=True))
    ]


def test_how_many_more_prompts_narrow_or_settle() -> None:
    # z^2 / 4 h^2 is 384.1 for 5 points and 1,067.1 for 3; from 400 prompts at a half, Wilson's reach is .048765
    half = share([0.0, 1.0] * 200, [str(place) for place in range(400)])
    assert more_prompts(half, 400, 0.05) == 0
    reach = (half["high"] or 0) - 0.5
    assert more_prompts(half, 400, 0.03) == math.ceil(400 * (reach / 0.03) ** 2) - 400 == 657
    assert more_to_lead(half, 400) is None
    assert more_to_lead(share([1.0] * 60 + [0.0] * 40, [str(place) for place in range(100)]), 100) == 0
    open_ = share([1.0] * 54 + [0.0] * 46, [str(place) for place in range(100)])
    assert more_to_lead(open_, 100) == math.floor(3.841459 / 4 / 0.04**2) + 1 - 100
    twice = share([1.0, 1.0, 0.0] * 10, [str(place // 3) for place in range(30)])
    assert twice["value"] == pytest.approx(2 / 3)
    # All ten prompts tell the same, so Wilson's interval of ten: .2526 on either side on average, .1667 is wanted.
    assert more_to_lead(twice, 10) == math.ceil(10 * (0.2526 / (2 / 3 - 0.5)) ** 2) - 10 == 13
    assert more_prompts(Estimate(value=1.0, low=None, high=None, n=1), 1, 0.03) is None


def test_chances_have_students_interval_and_counts_have_wilsons() -> None:
    chances = [0.3, 0.4, 0.6, 0.5]
    found = share(chances, list("abcd"))
    error = np.std(chances, ddof=1) / 2
    assert found["high"] == pytest.approx(np.mean(chances) + student_quantile(0.95, 3) * error)
    assert cluster_error(chances, list("abcd"))[:2] == pytest.approx((np.mean(chances), error), abs=1e-15)


def test_what_an_answer_looks_like() -> None:
    text = "# Head\n\nSome **bold** and __more__.\n- one\n* two\n3. three\n\n```\n# code\n- code\n```\n"
    assert looks(text) == (len(text), 1, 3, 2)
    duels = [Duel("p", "a", "b", 1.0, ("- x\n- y", "plain")), Duel("q", "a", "b", 0.0, ("plain", "plain"))]
    found = differences(duels, STYLE)
    assert found[0].tolist() == pytest.approx(
        [math.tanh(2 / 1), 0, 2 / 3, 0]
    )  # gaps 2 and 0 have a spread of 1
    assert found[1].tolist() == [0, 0, 0, 0]


def test_a_rate_with_length_held_equal_is_the_likeliest_intercept() -> None:
    duels = leaning()
    found = held_equal(duels)
    steps = differences(duels, ("length",))[:, 0]
    y = np.array([duel.share for duel in duels])

    def loss(b: np.ndarray) -> float:
        score = b[0] + b[1] * steps
        return float(np.sum(np.logaddexp(0, score) - y * score))

    b = likeliest(loss, 2)
    assert found.rates["long"]["value"] == pytest.approx(float(expit(b[0])), abs=1e-6)
    assert found.slopes["length"]["value"] == pytest.approx(b[1], abs=1e-5)
    # the sandwich by hand: n / (n - p) H^-1 (sum of outer products of scores) H^-1 (HC1), Student's t of n - p
    x = np.column_stack([np.ones(len(y)), steps])
    chance = expit(x @ b)
    bread = np.linalg.inv((x.T * chance * (1 - chance)) @ x)
    scores = x * (y - chance)[:, None]
    error = math.sqrt((bread @ (scores.T @ scores) @ bread)[0, 0] * len(y) / (len(y) - 2))
    high = float(expit(b[0] + student_quantile(0.95, len(y) - 2) * error))
    assert found.rates["long"]["high"] == pytest.approx(high, abs=1e-6)
    assert (rate(duels)["value"] or 0) > (found.rates["long"]["value"] or 1) + 0.05


def test_what_cannot_be_held_equal_is_refused_in_words() -> None:
    won = [Duel(str(place), "a", "b", 1.0, ("x" * place, "y")) for place in range(60)]
    assert held_equal(won).refused == {"a": "one of the two won every time"}
    by_length = [
        Duel(str(place), "a", "b", float(place >= 30), ("x" * place, "x" * 30)) for place in range(60)
    ]
    assert "without one error" in held_equal(by_length).refused["a"]
    assert held_equal(by_length).rates["a"]["value"] is None
    few = [Duel(str(place), "a", "b", float(place % 2), ("x" * (place % 7), "y")) for place in range(19)]
    assert held_equal(few).refused == {"a": "19 prompts are too few for 2 coefficients a duel; 20 are needed"}
    longer = [Duel(str(place), "a", "b", float(place % 2), ("xxx", "y")) for place in range(60)]
    assert "always go together" in held_equal(longer).refused["a"]
    unknown = [Duel(str(place), "a", "b", float(place % 2)) for place in range(60)]
    assert held_equal(unknown).refused == {"a": "the texts of the answers are not known"}
    same = [Duel(str(place), "a", "b", float(place % 3 > 0), ("x", "y")) for place in range(60)]
    found = held_equal(same)
    assert found.left_out == {"length": "never differs"}
    assert found.rates["a"]["value"] == pytest.approx(2 / 3)


def test_separation_is_seen_also_where_it_is_not_complete() -> None:
    x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    assert separated(np.array([0, 1, 0, 1, 1, 1.0]), x)  # whoever has a 1 won, the others tell nothing
    assert not separated(np.array([0, 1, 0, 1, 0, 1.0]), x)
    assert not separated(np.array([0, 1, 0, 1, 1, 0.9]), x)  # a chance of .9 is no certain win
    with pytest.raises(NoAnswer, match="too few"):
        fit([0, 1, 0, 1, 0, 1], x, np.arange(6))


def test_words_say_who_passes_whom_and_why() -> None:
    random = np.random.default_rng(1)
    duels = []
    for place in range(300):
        for name, size, skill in (("brief", 700, 0.2), ("wordy", 2000, -0.6), ("same", 1200, -2.0)):
            length = int(size + random.normal(0, 500)) % 5000
            gap = (length - 1200) / 700
            won = random.random() < expit(skill + 1.5 * math.tanh(gap))
            duels.append(Duel(str(place), name, "other", float(won), ("x" * length, "x" * 1200)))
    found = controlled(duels)
    assert [one["name"] for one in found["models"]] == ["wordy", "brief", "same"]
    words = " ".join(found["words"])
    assert "leans towards the longer" in words
    assert "brief passes wordy with length held equal" in words and "characters shorter on average" in words
    assert "same" not in words
    assert found["length"]["refused"] == {}


def test_a_league_is_the_likeliest_strengths_with_ties_as_halves() -> None:
    random = np.random.default_rng(3)
    names, levels = "abcd", (0.0, 0.7, -0.4, 0.2)
    duels = [
        Duel(str(place), names[one], names[other], float(random.choice([0.0, 0.5, 1.0], p=[0.4, 0.2, 0.4])))
        for place in range(40)
        for one, other in combinations(range(4), 2)
    ]
    del levels

    def loss(s: np.ndarray) -> float:
        at = dict(zip(names, [0.0, *s], strict=True))
        gaps = np.array([at[duel.a] - at[duel.b] for duel in duels])
        return float(np.sum(np.logaddexp(0, gaps) - np.array([duel.share for duel in duels]) * gaps))

    expected = dict(zip(names, START + POINTS * np.array([0.0, *likeliest(loss, 3)]), strict=True))
    found = league(duels, "a")
    assert {one.name: one.elo["value"] for one in found.standings} == pytest.approx(expected, abs=1e-3)
    values = [one.elo["value"] or 0 for one in found.standings]
    assert values == sorted(values, reverse=True)
    assert found == league(duels, "a")  # the same seed, the same draws
    turned = [Duel(duel.prompt, duel.b, duel.a, 1 - duel.share) for duel in duels]
    assert {one.name: one.elo["value"] for one in league(turned, "a").standings} == pytest.approx(
        expected, abs=1e-3
    )
    assert found.uncontrolled == "the texts of the answers are not known"


def test_two_models_have_the_log_odds_of_their_win_rate() -> None:
    duels = [Duel(str(place), "a", "b", float(place < 75)) for place in range(100)]
    (first, second) = league(duels, "b").standings
    assert (first.name, second.elo["value"]) == ("a", 1000.0)
    assert first.elo["value"] == pytest.approx(1000 + 400 * math.log10(3), abs=1e-3)  # 75 % is 190.8 points


def test_groups_that_never_met_are_refused_by_name() -> None:
    duels = [Duel("p", "a", "b", 0.5), Duel("p", "c", "d", 0.5), Duel("q", "b", "e", 1.0)]
    with pytest.raises(RecordError, match="2 groups that never met on a prompt: a, b, e; c, d"):
        league(duels, "a")
    with pytest.raises(RecordError, match="z took part in no duel"):
        league(duels, "z")


def test_who_never_lost_or_won_has_no_points_and_takes_none_from_others() -> None:
    inner = [Duel(str(place), "a", "b", float(place % 3 > 0)) for place in range(30)]
    outer = [Duel(str(place), "best", "a", 1.0) for place in range(30)]
    outer += [Duel(str(place), "b", "worst", 1.0) for place in range(30)]
    found = league([*inner, *outer], "b")
    assert found.unrated == {
        "best": "never lost to those who are rated",
        "worst": "never won against those who are rated",
    }
    alone = league(inner, "b")
    assert [one.elo["value"] for one in found.standings] == [one.elo["value"] for one in alone.standings]
    with pytest.raises(RecordError, match="no distance from it is finite"):
        league([*inner, *outer], "best")


def test_an_interval_has_no_end_where_draws_have_no_strength() -> None:
    duels = [Duel(str(place), "a", "b", float(place == 0)) for place in range(8)]
    one = league(duels, "b").standings[1]
    assert one.name == "a" and (one.elo["low"], one.elo["high"]) == (
        None,
        None,
    )  # 1 draw in 3 has no win of a's
