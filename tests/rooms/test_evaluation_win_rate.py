"""Win rates against numbers worked out by hand, and the statistics of policies and reward models."""

import math

import numpy as np
import pytest

from concord.evaluation import card, compare, summarise, usual_pairs
from concord.evaluation.intervals import mean, more_for_mean, more_for_share, share, wilson
from concord.evaluation.overoptimisation import best_of_n, drift
from concord.maths.statistics import best_of_n_kl


def row(policy: str, prompt: str, gold: float | None, **more: object) -> dict[str, object]:
    """One answer."""
    usual = {"temperature": 1.0, "split": None, "kind": None, "prompt": "?", "text": "!", "finish": "stop"}
    return {**usual, "policy": policy, "prompt_id": prompt, "gold": gold, "words": 1, **more}


def wilson_by_hand(share: float, n: int) -> tuple[float, float]:
    """Wilson 1927: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - reach, middle + reach


def test_wins_ties_and_wilson_by_hand() -> None:
    pairs = [(2.0, 1.0)] * 6 + [(1.0, 2.0)] * 2 + [(1.0, 1.0 + 1e-12)] * 2
    rows = [row("a", str(i), gold) for i, (gold, _) in enumerate(pairs)]
    rows += [row("b", str(i), gold) for i, (_, gold) in enumerate(pairs)]
    (found,) = compare(rows, [("a", "b")])
    assert (found.win_rate, found.n, found.ties, found.prompts) == (0.7, 10, 2, 10)
    # p = .7, n = 10: middle (.7 + .192073) / 1.384146 = .644493, reach .342874 / 1.384146 = .247715
    assert (found.low, found.high) == pytest.approx(wilson_by_hand(0.7, 10), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.3967781, 0.8922087), abs=1e-7)
    (mirror,) = compare(rows, [("b", "a")])
    assert (mirror.win_rate, mirror.low) == pytest.approx((0.3, 1 - found.high))


def test_published_wilson_interval() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I, 81/263
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)  # the same, 0/20


def test_pairs_meet_on_prompt_and_temperature_alone() -> None:
    rows = [row("a", "p", 2.0), row("b", "p", 1.0), row("a", "q", 5.0), row("b", "r", 0.0)]
    rows += [row("a", "p", 0.0, temperature=0.5), row("b", "p", 1.0, temperature=0.5)]
    rows += [row("a", "s", None), row("b", "s", 1.0)]  # the judge failed: no score, so no loss
    found = compare(rows, [("a", "b")])
    assert [(item.temperature, item.n, item.win_rate) for item in found] == [(1.0, 1, 1.0), (0.5, 1, 0.0)]


def test_every_split_and_kind_has_its_own_rate() -> None:
    rows = []
    places = [("in", "x", 1), ("in", "y", 0), ("new", "x", 1), ("new", "x", 0)]
    for place, (split, kind, win) in enumerate(places):
        rows += [row("a", str(place), float(win), split=split, kind=kind)]
        rows += [row("b", str(place), 0.5, split=split, kind=kind)]
    found = {(item.split, item.kind): (item.n, item.win_rate) for item in compare(rows, [("a", "b")])}
    assert found == {
        (None, None): (4, 0.5),
        (None, "x"): (3, 2 / 3),
        (None, "y"): (1, 0.0),
        ("in", None): (2, 0.5),
        ("in", "x"): (1, 1.0),
        ("in", "y"): (1, 0.0),
        ("new", None): (2, 0.5),
        ("new", "x"): (2, 0.5),
    }


def test_several_samples_of_a_prompt_are_clustered_by_hand() -> None:
    # Prompt sums of wins less their mean .5: +1, +1, -1, -1 over 8 pairs, G = 4.
    # v = 4/3 * 4 / 64 = 1/12, t(3) = 3.182446 -> .5 -+ .918693, cut to 0 and 1.
    rows = []
    for prompt, wins in (("p", 1.0), ("q", 1.0), ("r", -1.0), ("s", -1.0)):
        for _ in range(2):
            rows += [row("a", prompt, wins), row("b", prompt, 0.0)]
    (found,) = compare(rows, [("a", "b")])
    assert (found.n, found.prompts, found.low, found.high) == (8, 4, 0.0, 1.0)
    estimate = mean([1, 1, 1, 1, 0, 0, 0, 0], list("ppqqrrss"))
    assert estimate["high"] == pytest.approx(0.5 + 3.182446 / math.sqrt(12), abs=1e-5)


def test_no_spread_at_all_is_no_certainty() -> None:
    estimate = share([1.0] * 20, [str(i // 2) for i in range(20)])
    assert estimate["low"] == pytest.approx(wilson_by_hand(1.0, 10)[0])  # ten prompts, not twenty answers


def test_usual_pairs_are_against_imitation() -> None:
    assert usual_pairs(["sft", "ppo"]) == [("ppo", "sft")]
    assert usual_pairs(["base", "sft", "sft-same-budget"]) == [
        ("base", "sft"),
        ("sft-same-budget", "sft"),
        ("base", "sft-same-budget"),
        ("sft", "sft-same-budget"),
    ]


def test_a_summary_counts_marks_words_and_drift() -> None:
    marks = [{"ok": True, "unsafe": False}, {"ok": True}, {"ok": False}, {}]
    rows = [
        row("a", str(i), float(i), marks=mark, words=i, kl=2.0 * i, finish="length" if i == 3 else "stop")
        for i, mark in enumerate(marks)
    ]
    (found,) = summarise(rows)
    assert (found.n, found.gold["value"], found.words["value"], found.kl["value"]) == (4, 1.5, 1.5, 3.0)
    # sd of 0..3 is 1.290994, its error .645497, t(3) = 3.182446
    assert found.gold["high"] == pytest.approx(1.5 + 3.182446 * 0.6454972, abs=1e-5)
    assert found.marks["ok"]["n"] == 3 and found.marks["ok"]["value"] == pytest.approx(2 / 3)
    assert (found.marks["unsafe"]["n"], found.cut["value"], found.proxy["value"]) == (1, 0.25, None)
    assert (found.marks["ok"]["low"], found.marks["ok"]["high"]) == pytest.approx(wilson_by_hand(2 / 3, 3))


def test_how_many_more_would_settle_it() -> None:
    # 60 % against 50 %: it is settled at the first n at which Wilson's low end leaves 50 %, and not before
    more = more_for_share(0.6, 50, 0.5)
    assert more is not None
    assert wilson_by_hand(0.6, 50 + more)[0] > 0.5 >= wilson_by_hand(0.6, 50 + more - 1)[0]
    assert more_for_share(0.5, 50, 0.5) is None
    estimate = mean([0.0, 2.0] * 50, [str(i) for i in range(100)])
    assert more_for_mean(estimate, 1.1) == pytest.approx(100 * (0.199424 / 0.1) ** 2 - 100, abs=1.5)
    assert more_for_mean(estimate, 1.0) is None


def test_kl_of_best_of_n_is_the_known_one() -> None:
    # T31: log n - (n - 1) / n
    golden = {1: 0.0, 2: 0.193147, 4: 0.636294, 8: 1.204442, 16: 1.835089, 32: 2.496986}
    assert {n: round(best_of_n_kl(n), 6) for n in golden} == golden


def test_best_of_n_points_by_hand() -> None:
    # Three samples, n = 2 of {1, 2, 3} by proxy: 2 wins one choice of three, 3 wins two.
    found = best_of_n([{"prompt_id": "p", "proxy": [3.0, 1.0, 2.0], "gold": [5.0, 9.0, 8.0]}])
    assert found is not None
    assert [point["n"] for point in found["points"]] == [1, 2]
    assert found["points"][1]["proxy"]["value"] == pytest.approx(8 / 3)
    assert found["points"][1]["gold"]["value"] == pytest.approx((8 + 2 * 5) / 3)
    assert found["peak"] == 1 and found["says"] == "no clear fall"  # one prompt shows no spread


def test_best_of_n_agrees_with_choosing_at_random() -> None:
    random = np.random.default_rng(0)
    proxy, gold = random.normal(size=24), random.normal(size=24)
    found = best_of_n([{"prompt_id": "p", "proxy": proxy.tolist(), "gold": gold.tolist()}])
    assert found is not None
    picks = random.permuted(np.tile(np.arange(24), (40_000, 1)), axis=1)[:, :4]
    drawn = gold[picks[np.arange(len(picks)), proxy[picks].argmax(axis=1)]]
    error = drawn.std() / math.sqrt(len(drawn))
    assert found["points"][2]["n"] == 4
    # Monte Carlo is the loose side here: five standard errors of 40 000 draws
    assert found["points"][2]["gold"]["value"] == pytest.approx(drawn.mean(), abs=5 * error)


def test_drift_is_told_only_where_the_whole_interval_says_so() -> None:
    def rows(proxy: float, gold: float) -> list[dict[str, object]]:
        wobble = [-0.1, 0.1] * 10
        after = [row("a", str(i), gold + w, proxy=proxy + w) for i, w in enumerate(wobble)]
        return after + [row("b", str(i), 0.0, proxy=0.0) for i in range(20)]

    says = {
        (proxy, gold): found["says"]
        for proxy, gold in ((1, 1), (1, -1), (-1, -1), (1, 0))
        if (found := drift(rows(proxy, gold), "a", "b", 1.0))
    }
    assert says == {(1, 1): "helped", (1, -1): "over-optimised", (-1, -1): "hurt", (1, 0): "unclear"}
    assert drift([row("a", "p", 1.0), row("b", "p", 1.0)], "a", "b", 1.0) is None


def test_a_report_card_by_hand() -> None:
    lists = [
        {
            "prompt_id": "p",
            "kind": "x",
            "split": "in",
            "texts": ["a b", "a b c", "a"],
            "tiers": [[0], [1, 2]],
            "scores": [1.0, 0.0, 2.0],
        },
        {
            "prompt_id": "q",
            "kind": "y",
            "split": "new",
            "texts": ["a", "b c"],
            "tiers": [[1], [0]],
            "scores": [0.0, 0.0],
        },
    ]
    found = card(lists)
    assert found is not None
    # p: 0 over 1 right (lead 1), 0 over 2 wrong (lead -1); q: no difference, half a point
    assert (found["lists"], found["pairs"], found["accuracy"]["value"]) == (2, 3, 0.5)
    assert {kind: one["value"] for kind, one in found["by_kind"].items()} == {"x": 0.5, "y": 0.5}
    assert (found["better_is_shorter"]["value"], found["better_is_shorter"]["n"]) == (1.0, 1)
    assert (found["better_is_longer"]["value"], found["better_is_longer"]["n"]) == (0.25, 2)
    sigma = 1 / (1 + math.exp(-1))
    numbers = found["calibration"]
    assert numbers["nll"] == pytest.approx(-(math.log(sigma) + math.log(1 - sigma) + math.log(0.5)) / 3)
    assert numbers["brier"] == pytest.approx(((1 - sigma) ** 2 + sigma**2 + 0.25) / 3)
    # three bins of one: |.5 - .5|, |sigma - 1|, |sigma - 0|
    assert numbers["ece"] == pytest.approx((1 - sigma + sigma) / 3)
    assert card([]) is None and card([{**lists[0], "tiers": [[0, 1, 2]]}]) is None


def test_a_report_card_from_the_judge_and_the_length_it_likes() -> None:
    lists = [
        {
            "prompt_id": str(i),
            "kind": None,
            "split": None,
            "texts": ["a", "a b", "a b c"],
            "tiers": None,
            "gold": [2.0, 1.0, 1.0],
            "scores": [1.0, 2.0, 3.0],
        }
        for i in range(4)
    ]
    found = card(lists)
    assert found is not None
    assert (found["judged_by"], found["pairs"], found["accuracy"]["value"]) == ("judge", 8, 0.0)
    assert found["length_correlation"] == pytest.approx(1.0)
    assert found["by_split"] == {}
