"""Agreement: other people's numbers, numbers by hand, and a panel in which some do not play fair."""

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests import oracle

from concord.annotation import measures
from concord.annotation.agreement import Agreement
from concord.annotation.agreement import agreement as whole
from concord.annotation.outcomes import Given, Outcomes
from concord.records import Completion, Message, Prompt, Ranking
from concord.settings import Habits
from concord.world import GoldJudge, Panel, World
from concord.world.demonstrators import demonstrate
from concord.world.replies import careless, evasive, join, unsafe
from concord.world.requests import read_request

PANELS = int(os.environ.get("CONCORD_PANELS", "6"))
"""Simulated panels without vices in the slow test; half as many more have some."""


def agreement(told: Iterable[Given], gold: Any = None) -> Agreement:
    """Agreement with a rough interval of alpha, which takes most of the time."""
    return whole(told, gold, resamples=30)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_equals_another_librarys(level: Any) -> None:
    vector = oracle.vector("stats", f"krippendorff_{level}")
    table = [
        [math.nan if value is None else value for value in row] for row in vector["inputs"]["raters_by_units"]
    ]
    assert measures.krippendorff(table, level) == pytest.approx(vector["expect"]["alpha"], abs=1e-9)


def test_kappas_and_correlations_equal_the_vectors() -> None:
    cohen = oracle.vector("stats", "cohen_kappa")
    one, other = cohen["inputs"]["a"], cohen["inputs"]["b"]
    assert measures.cohen(one, other) == pytest.approx(cohen["expect"]["kappa"], abs=1e-9)
    assert measures.cohen(one, other, True) == pytest.approx(cohen["expect"]["kappa_quadratic"], abs=1e-9)
    fleiss = oracle.vector("stats", "fleiss_kappa")
    found = measures.fleiss(fleiss["inputs"]["units_by_raters"])
    assert found == pytest.approx(fleiss["expect"]["kappa"], abs=1e-9)
    ranks = oracle.vector("stats", "rank_correlation")
    x, y = tuple(ranks["inputs"]["x"]), tuple(ranks["inputs"]["y"])
    assert measures.kendall(x, y) == pytest.approx(ranks["expect"]["kendall_tau_b"], abs=1e-9)
    assert measures.spearman(x, y) == pytest.approx(ranks["expect"]["spearman"], abs=1e-9)


def given(who: str, tiers: list[str], task: str = "t", texts: str = "abcd", **more: Any) -> Given:
    """An answer in letters: tiers ["a", "bc"] puts a first, b and c below it."""
    asked = Prompt((Message("user", task),), task, more.pop("tags", ()))
    completions = tuple(Completion(asked, text) for text in texts)
    places = tuple(tuple(texts.index(text) for text in tier) for tier in tiers)
    return Given(who, Ranking(asked, completions, places, shown=more.pop("shown", ())), **more)


def test_two_people_and_three_answers_by_hand() -> None:
    """a > b > c and a > c > b: two of three comparisons agree, tau is 2/3 - 1/3, the best one is the same."""
    found = agreement(
        [given("ann", ["a", "b", "c"], texts="abc"), given("bob", ["a", "c", "b"], texts="abc")]
    )
    assert found.pairs == pytest.approx(2 / 3)
    assert found.tau == pytest.approx(1 / 3)
    assert found.top == 1.0
    assert found.matrix == ((1.0, pytest.approx(1 / 3)), (pytest.approx(1 / 3), 1.0))
    assert [one.agreement and one.agreement.value for one in found.annotators] == pytest.approx(
        [2 / 3, 2 / 3]
    )
    assert found.hardest[0].disagreement == pytest.approx(1 / 3)
    # five values of one kind and one of the other: observed 2/6, expected 2 * 5 * 1 / (6 * 5)
    assert measures.krippendorff([[1, 1, -1], [1, 1, 1]]) == pytest.approx(0.0)


def test_orders_of_completions_do_not_matter_and_unranked_answers_are_unknown() -> None:
    same = [given("ann", ["a", "b", "c"]), given("bob", ["a", "b", "c"], texts="dcba")]
    found = agreement(same)
    assert (found.pairs, found.tau, found.top) == (1.0, 1.0, 1.0)
    outcomes = Outcomes.of(same)
    assert outcomes.table.shape == (2, 6)
    assert int(np.isnan(outcomes.table).sum()) == 6  # three comparisons with d, twice
    with_d = agreement([*same, given("eva", ["d", "a"])])
    assert with_d.pairs == 1.0


def test_gold_repeats_ties_times_and_first_places_by_hand() -> None:
    told = [
        given("ann", ["a", "b", "cd"], "t1", shown=(0, 1, 2, 3), seconds=10.0),
        given("ann", ["b", "a", "cd"], "t1", shown=(3, 1, 2, 0), seconds=30.0),
        given("ann", ["d", "abc"], "t2", shown=(1, 3, 2, 0), seconds=20.0),
        given("bob", ["a", "b", "c", "d"], "t1"),
    ]
    tasks = {one.ranking.prompt.id: one.key for one in told}
    gold = {tasks["t1"]: [("a", "b"), ("d", "a")], tasks["t2"]: [("d", "a")]}
    ann = agreement(told, gold).annotators[0]
    assert (ann.name, ann.judgements, ann.median_seconds) == ("ann", 2, 15.0)
    assert (ann.gold.right, ann.gold.total) == (2, 3)  # a before b, not d before a, d before a
    assert (ann.self.same, ann.self.total) == (5, 6)  # a against b was turned round
    assert ann.tie_share == pytest.approx(4 / 12)  # c = d; a = b = c
    assert ann.first_share == 0.5
    assert ann.agreement is not None
    assert ann.agreement.value == pytest.approx((5 + 0.5) / 6)  # bob splits c and d, which ann ties


def test_kendalls_tau_of_whole_lists_is_scipys() -> None:
    random = Random(3)
    orders = [[list(random.sample("abcd", 4)) for _ in range(2)] for _ in range(30)]
    told = [
        given(who, order, f"t{n}")
        for n, both in enumerate(orders)
        for who, order in zip("xy", both, strict=True)
    ]
    expected = [
        stats.kendalltau(
            [one.index(text) for text in "abcd"], [other.index(text) for text in "abcd"]
        ).statistic
        for one, other in orders
    ]
    assert agreement(told).tau == pytest.approx(float(np.mean(expected)))


def test_nothing_to_compare_is_nothing_and_no_error() -> None:
    nobody = agreement([])
    assert (nobody.alpha, nobody.tau, nobody.annotators, nobody.hardest) == (None, None, (), ())
    alone = agreement([given("ann", ["a", "b"])])
    assert alone.alpha is None and alone.annotators[0].agreement is None
    assert alone.facts()["annotators"][0]["self"] == {"same": 0, "total": 0}


def lists(count: int, seed: int) -> list[tuple[Prompt, list[Completion]]]:
    """What a young policy of the starter world says: four answers to each prompt."""
    random, found = Random(seed), []
    for prompt in World(seed).prompts(count):
        request = read_request(prompt.messages[0].content)
        assert request is not None
        texts = [
            demonstrate(request, "typical", random)
            if random.random() < 5 / 6
            else join(random.choice((careless, unsafe, evasive))(request, random))
            for _ in range(4)
        ]
        found.append((prompt, [Completion(prompt, text) for text in texts]))
    return found


def panel_of_ten(habits: Habits, seed: int, count: int = 60) -> Agreement:
    """Ten simulated people who all rank the same lists, each after the one before."""
    panel = Panel(GoldJudge(), seed, 10, habits=habits)
    return agreement(
        Given(f"rater-{rater + 1}", panel.rank(prompt, answers, rater), at=rater)
        for prompt, answers in lists(count, seed)
        for rater in range(10)
    )


def flags(found: Agreement) -> dict[str, set[str]]:
    """The names of everybody's flags."""
    return {one.name: {flag.name for flag in one.flags} for one in found.annotators if one.flags}


@pytest.mark.slow
def test_s20_flippers_a_lefty_and_a_copier_are_flagged_and_honest_people_are_not() -> None:
    found = panel_of_ten(Habits(flippers=2, lefties=1, copiers=1), seed=0)
    assert flags(found) == {
        "rater-7": {"upside down"},
        "rater-8": {"upside down"},
        "rater-9": {"no signal", "position", "pattern"},
        "rater-10": {"copies"},
    }
    slopes = {one.name: one.reliability for one in found.annotators}
    assert all(
        slope is not None and slope.high < 0 for name in ("rater-7", "rater-8") if (slope := slopes[name])
    )
    assert all(
        slope is not None and slope.low > 1 for name in ("rater-1", "rater-2") if (slope := slopes[name])
    )


def test_s20_labels_without_the_flagged_are_nearer_to_the_gold_judge() -> None:
    """Of the comparisons in which the judge sees a difference, the share that is ranked his way."""
    panel = Panel(GoldJudge(), 0, 10, habits=Habits(flippers=2, lefties=1))
    right: dict[bool, list[bool]] = {True: [], False: []}
    told = [
        Given(f"rater-{rater + 1}", panel.rank(prompt, answers, rater))
        for prompt, answers in lists(40, 0)
        for rater in range(10)
    ]
    flagged = flags(agreement(told))
    for one in told:
        gold = GoldJudge().score(one.ranking.completions)
        for better, worse in one.ranking.pairs():
            if gold[better] != gold[worse]:
                right[one.who in flagged].append(gold[better] > gold[worse])
    kept, left_out = (float(np.mean(right[name])) for name in (False, True))
    everybody = float(np.mean(right[False] + right[True]))
    assert set(flagged) == {"rater-8", "rater-9", "rater-10"}
    assert kept > 0.75 and left_out < 0.45 and kept > everybody + 0.08


def test_two_people_who_agree_are_no_copiers_and_of_three_the_later_one_is() -> None:
    random = Random(1)
    orders = [random.sample("abcd", 4) for _ in range(20)]
    two = [given(who, order, f"t{n}") for n, order in enumerate(orders) for who in ("ann", "bob")]
    assert flags(agreement(two)) == {}
    others = [given("eva", random.sample("abcd", 4), f"t{n}") for n in range(20)]
    untimed = flags(agreement([*two, *others]))
    assert "copies" in untimed["ann"] & untimed["bob"] and "copies" not in untimed.get("eva", set())
    timed = [replace(one, at=float(one.who == "bob")) for one in (*two, *others)]
    found = flags(agreement(timed))
    assert "copies" in found["bob"] and "copies" not in found.get("ann", set()) | found.get("eva", set())


def test_haste_pasted_patterns_and_wrong_gold_are_flagged() -> None:
    random = Random(0)
    told, gold = [], {}
    for number in range(30):
        shown = tuple(random.sample(range(4), 4))
        texts = "abcd"
        pasted = [texts[shown[place]] for place in (2, 0, 3, 1)]
        told.append(given("paste", pasted, f"t{number}", shown=shown, seconds=0.1))
        told.append(given("fair", list("abcd"), f"t{number}", shown=shown, seconds=9.0))
        gold[told[-1].key] = [("a", "d"), ("b", "d")]
    found = flags(agreement(told, gold))
    assert {"pattern", "fast", "gold"} <= found["paste"]
    assert "fair" not in found or not found["fair"] & {"pattern", "fast", "gold", "position"}


@pytest.mark.slow
def test_s20_honest_people_are_seldom_flagged_over_many_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    """Panels of ten honest people, and half as many with four who are not: prints how many were wrongly flagged."""
    honest, vicious = PANELS, PANELS // 2
    wrong = [flag for seed in range(1, honest + 1) for flag in flags(panel_of_ten(Habits(), seed)).items()]
    missed = []
    for seed in range(1, vicious + 1):
        found = flags(panel_of_ten(Habits(flippers=2, lefties=1, copiers=1), seed))
        missed += [name for name in ("rater-7", "rater-8", "rater-9", "rater-10") if name not in found]
        wrong += [(name, flag) for name, flag in found.items() if int(name.removeprefix("rater-")) < 7]
    people = 10 * honest + 6 * vicious
    with capsys.disabled():
        print(f"\nfalse flags: {len(wrong)} of {people} {wrong}; missed: {len(missed)} of {4 * vicious}")
    assert len(wrong) <= 0.02 * people and not missed


@pytest.mark.slow
def test_alphas_interval_covers_a_panel_that_guesses() -> None:
    random = Random(5)
    told = [
        given(who, random.sample("abcd", 4), f"t{n}", tags=("even" if n % 2 == 0 else "odd",))
        for n in range(60)
        for who in ("ann", "bob", "eva")
    ]
    found = whole(told)
    assert found.alpha is not None
    assert found.alpha.low < 0 < found.alpha.high and found.alpha.high - found.alpha.low < 0.3
    assert found.alpha.n == 360
    assert found.fleiss == pytest.approx(measures.krippendorff(Outcomes.of(told).table, "nominal"), abs=0.01)
    assert [one.tag for one in found.tags] == ["even", "odd"]
    assert flags(found) == {}
