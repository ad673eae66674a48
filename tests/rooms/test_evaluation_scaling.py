"""Gao et al.'s laws: exact curves give their numbers back, peaks are where the derivative says, draws know the rest."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from concord.evaluation.scaling import FEWEST, LAWS, by_looks, by_prompts, drawn, enough, fitted
from concord.evaluation.watching import best, judged, root, strict, told

D = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_the_laws_by_hand() -> None:
    """best-of-n, a 3, b 1: d (3 - d). rl, a 3, b 2: d (3 - 2 log d); at d = e it is e (3 - 2) = e."""
    assert LAWS["best-of-n"].gain([0, 1, 2, 3], 3, 1).tolist() == [0, 2, 2, 0]
    assert LAWS["rl"].gain([0, 1, math.e], 3, 2) == pytest.approx([0, 3, math.e])


@pytest.mark.parametrize(("name", "peak"), [("best-of-n", 1.5), ("rl", math.exp(0.5))])
def test_an_exact_curve_gives_its_numbers_back(name: str, peak: float) -> None:
    """a / 2b = 3 / 2 for best-of-n with b 1; exp(a / b - 1) = exp(3 / 2 - 1) for rl with b 2."""
    b = 1.0 if name == "best-of-n" else 2.0
    found = fitted(name, D, LAWS[name].gain(D, 3.0, b))
    assert found is not None
    assert (found["a"]["value"], found["b"]["value"]) == pytest.approx((3.0, b))
    assert found["a"]["n"] == 5  # no drift, no news
    assert found["peak"] == pytest.approx(peak)
    assert found["b"]["low"] <= found["b"]["value"] <= found["b"]["high"]


@pytest.mark.parametrize(("name", "a", "b"), [("best-of-n", 2.0, 0.4), ("rl", 1.3, 0.9), ("rl", 0.2, 1.1)])
def test_peaks_are_where_a_search_finds_them(name: str, a: float, b: float) -> None:
    law = LAWS[name]
    found = minimize_scalar(lambda d: -float(law.gain(d, a, b)), bounds=(1e-9, 20), method="bounded")
    assert float(law.peak(a, b)) == pytest.approx(found.x, abs=1e-4)


def test_without_a_bend_there_is_no_peak() -> None:
    """b = 0 or less: the gain grows for ever; and what only falls peaks where it begins."""
    for law in LAWS.values():
        assert np.isinf(law.peak([1.0, 1.0], [0.0, -0.5])).all()
    assert float(LAWS["best-of-n"].peak(-1.0, 1.0)) == 0.0
    rising = fitted("rl", D, [2 * d for d in D])
    assert rising is not None and rising["b"]["value"] == pytest.approx(0.0, abs=1e-9)


def test_sure_looks_count_more() -> None:
    """A look that is a hundred times less sure than the others hardly moves the law."""
    gains = LAWS["rl"].gain(D, 3.0, 2.0)
    gains[3] += 1.0
    errors = [0.1, 0.1, 0.1, 10.0, 0.1, 0.1]
    even, weighed = fitted("rl", D, gains), fitted("rl", D, gains, errors)
    assert even is not None and weighed is not None
    assert abs(weighed["a"]["value"] - 3) < 1e-3 < abs(even["a"]["value"] - 3)


def test_too_few_looks_make_no_law() -> None:
    assert not enough([0, 0, 1, 1, 2]) and enough([0, 1, 2, 3])
    assert fitted("rl", [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]) is None and FEWEST == 3
    assert by_looks("rl", [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]) is None


def test_draws_over_looks_of_an_exact_curve_agree() -> None:
    """The peak is at exp(1/2) = 1.65: a last look at 2.5 is past it in every draw that shows it, at 1.5 in none."""
    gains = LAWS["rl"].gain(D, 3.0, 2.0)
    past = by_looks("rl", D, gains)
    before = by_looks("rl", D[:4], gains[:4])
    assert past is not None and before is not None
    assert past["peak"]["value"] == pytest.approx(math.exp(0.5))
    assert past["past_peak"] > 0.98 and before["past_peak"] < 0.02


def prompts(
    a: float, b: float, noise: float, most: float, seed: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Seven looks at 64 prompts that follow a law, each prompt with a worth of its own."""
    chance = np.random.default_rng(seed)
    d = np.linspace(0, most, 7)
    own = chance.normal(0, 2, 64)
    gold = LAWS["rl"].gain(d, a, b)[:, None] + own + chance.normal(0, noise, (7, 64))
    kl = (d**2)[:, None] + d[:, None] * chance.normal(0, 0.3, (7, 64))
    return kl.tolist(), gold.tolist()


def test_draws_over_prompts_know_when_they_do_not_know() -> None:
    """The peak is at 1.65. Long past it and well before it that is known; on it, it is a toss."""
    past = by_prompts("rl", *prompts(3, 2, 0.5, 3.0, 1))
    before = by_prompts("rl", *prompts(3, 2, 0.5, 1.0, 1))
    assert past["past_peak"] > 0.99 and before["past_peak"] < 0.05
    assert past["peak"]["low"] < math.exp(0.5) < past["peak"]["high"]
    on = [by_prompts("rl", *prompts(3, 2, 0.5, math.exp(0.5), seed))["past_peak"] for seed in range(20)]
    assert 0.2 < float(np.mean(on)) < 0.8
    assert by_prompts("rl", *prompts(3, 2, 0.5, 3.0, 1)) == past


@pytest.mark.slow
def test_the_interval_of_the_peak_covers_it() -> None:
    held = 0
    for seed in range(300):
        peak = by_prompts("rl", *prompts(3, 2, 1.0, 3.0, seed))["peak"]
        held += peak["low"] <= math.exp(0.5) <= (math.inf if peak["high"] is None else peak["high"])
    assert 0.91 <= held / 300 <= 0.98  # 95 %, two standard errors of 300 draws on either side


def test_a_law_as_a_line() -> None:
    d, gains = drawn("rl", 3.0, 2.0, 2.0, 3)
    assert d == [0, 1, 2] and gains == pytest.approx([0, 3, 2 * (3 - 2 * math.log(2))])


def look(gold: list[float], kl: float = 0.0, step: int = 0) -> dict[str, object]:
    names = [f"p{place}" for place in range(len(gold))]
    return {
        "step": step,
        "round": step,
        "prompts": names,
        "gold": gold,
        "proxy": gold,
        "kl": [kl] * len(gold),
    }


def test_the_best_look_and_the_level_by_hand() -> None:
    """Nine looks of ten planned: 5 % over 10 x 8 comparisons. The earliest of equals is the best."""
    assert strict(9, 10) == pytest.approx(1 - 0.05 / 80) and strict(1, 1) == 0.95
    assert best([look([1, 2]), look([2, 2]), look([3, 1]), look([0, 0])]) == 1
    assert root(look([0, 0], kl=4.0)) == 2.0 and root(look([0, 0], kl=-1.0)) == 0.0


def test_a_fall_on_the_same_prompts_is_told_and_a_chance_one_is_not() -> None:
    """Each prompt loses 1 with a spread of 0.1: sure. With a spread of 10 it is nothing."""
    chance = np.random.default_rng(3)
    first, noise = chance.normal(0, 5, 40), chance.normal(0, 1, 40)
    low = [look(list(first)), look(list(first - 1 + 0.1 * noise))]
    wild = [look(list(first)), look(list(first - 1 + 10 * noise))]
    fell = judged(low, 5, 0.95)
    assert fell["fell"] and fell["best"] == 0 and fell["fall"]["value"] == pytest.approx(-1, abs=0.1)
    assert not judged(wild, 5, 0.95)["fell"]
    assert not judged(low[::-1], 5, 0.95)["fell"], "the last look is the best"


def test_past_the_peak_a_smaller_fall_is_enough() -> None:
    """A fall of 0.35 +- 0.15: short of the strict level, but enough where the law says that the peak is behind."""
    kl, gold = prompts(3, 2, 0.05, 2.4, 5)
    chance = np.random.default_rng(8)
    looks = [
        {**look(row, step=place), "kl": drift}
        for place, (drift, row) in enumerate(zip(kl, gold, strict=True))
    ]
    top = best(looks)
    looks[-1]["gold"] = list(np.array(looks[top]["gold"]) - 0.35 + chance.normal(0, 1.0, 64))
    assert judged(looks, 200, 0.95)["fell"]
    assert judged(looks, 200, 0.95)["law"]["past_peak"] > 0.95
    assert not judged(looks, 200, 1.01)["fell"], "at the strict level alone it is not told"


@pytest.mark.slow
def test_healthy_looks_seldom_tell_a_fall() -> None:
    """A training that rises and then rests: of forty none or one is stopped by chance."""
    stopped = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        own, looks = chance.normal(1, 1.5, 64), []
        for place in range(9):
            d = 1.6 * (1 - math.exp(-place / 3))
            gold = own + 1.8 * min(1.0, place / 4) + chance.normal(0, 0.9, 64)
            looks.append({**look(list(gold), step=place), "kl": list(d * d + d * chance.normal(0, 1.2, 64))})
        stopped += any(judged(looks[: count + 1], 8, 0.95)["fell"] for count in range(4, 9))
    assert stopped <= 1


def test_a_look_as_a_line_of_its_file() -> None:
    line = told({**look([1.0, 3.0], kl=4.0, step=7), "ranked": ["p0"], "agreement": [0.75]}, 0.3)
    assert (line["step"], line["sqrt_kl"], line["past_peak"]) == (7, 2.0, 0.3)
    assert line["gold"]["value"] == 2.0 and line["gold"]["n"] == 2
    assert line["agreement"] == {"value": 0.75, "low": None, "high": None, "n": 1}
    assert "proxy" in line and line["samples"] == []
