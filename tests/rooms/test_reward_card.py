"""The report card of a reward model: every measure by hand, or by an independent implementation."""

import math
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from concord.evaluation import clusters, reward_lists
from concord.evaluation.page import page
from concord.evaluation.report import report
from concord.evaluation.reward_card import reward_card
from concord.evaluation.reward_ceiling import agreements, ceiling
from concord.evaluation.reward_lists import best_of_four, ndcg, regret, surprises, tau_b, ties, ties_score
from concord.evaluation.reward_page import card_page
from concord.evaluation.reward_sureness import ece, expected, temperature
from concord.evaluation.reward_words import lines
from concord.maths.ranking import plackett_luce


def array(*numbers: float) -> Any:
    return np.array(numbers, dtype=float)


def listed(prompt: str, scores: list[float], tiers: list[list[int]], **more: Any) -> dict[str, Any]:
    """A ranking of answers that get longer from one to the next."""
    texts = [" ".join(["word"] * (n + 1)) for n in range(len(scores))]
    return {"prompt_id": prompt, "texts": texts, "scores": scores, "tiers": tiers, **more}


def test_orders_of_lists_by_hand() -> None:
    worth = array(2, 1, 0)
    assert tau_b(worth, array(3, 2, 1)) == pytest.approx(1) and tau_b(worth, array(1, 1, 1)) == 0
    assert tau_b(worth, array(2, 2, 1)) == pytest.approx(2 / math.sqrt(2 * 3))  # two pairs right, one tied
    turned = 0 + 1 / math.log2(3) + 2 / math.log2(4)
    assert ndcg(worth, array(1, 2, 3)) == pytest.approx(turned / (2 + 1 / math.log2(3)))
    assert regret(worth, array(3, 2, 1)) == 0 and regret(worth, array(0, 1, 2)) == 1
    assert regret(worth, array(5, 1, 5)) == 0.5  # lots are drawn between the best and the worst


def test_surprise_of_a_ranking_is_plackett_luce() -> None:
    found = list(surprises(array(2, 1, 0), array(math.log(3), math.log(2), 0)))
    assert [value for value, _ in found] == pytest.approx([math.log(6 / 3), math.log(3 / 2)])
    assert [chance for _, chance in found] == pytest.approx([math.log(3), math.log(2)])
    worth, scores = array(1, 1, 0, 2), array(0.3, -1.0, 0.7, 0.1)  # with a tie
    tiers = torch.tensor([[1, 1, 2, 0]])
    whole = plackett_luce(torch.tensor(scores)[None], tiers)
    assert sum(value for value, _ in surprises(worth, scores)) == pytest.approx(float(whole))


def test_best_of_four_by_hand() -> None:
    assert best_of_four(array(1, 0, 0, 0), array(4, 3, 2, 1)) == 1
    assert best_of_four(array(1, 0, 0, 0), array(3, 3, 2, 1)) == 0.5  # a tie shares the credit
    assert best_of_four(array(1, 0, 0, 0), array(3, 3, 3, 3)) == 0.25
    assert (
        best_of_four(array(3, 2, 1, 0, 0), array(3, 4, 2, 1, 0)) == 0.25
    )  # the better one of four must stay away
    assert best_of_four(array(1, 1, 0, 0), array(4, 3, 2, 1)) is None  # two are best
    assert best_of_four(array(1, 0, 0), array(3, 2, 1)) is None  # too few
    draws = Random(0)
    scores = [2.0, 1.0, 2.0, 3.0, 0.0, 1.5]
    tries = [[scores[n] for n in draws.sample(range(1, 6), 3)] for _ in range(20000)]
    simulated = sum((max(one) <= 2) / (1 + one.count(2.0)) for one in tries) / len(tries)
    found = best_of_four(array(1, 0, 0, 0, 0, 0), np.array(scores))
    assert found == pytest.approx(simulated, abs=0.01)


def test_ties_are_nearer_by_hand() -> None:
    found = ties([("p", array(1, 1, 0), array(2.0, 2.1, 0.0))])
    assert (found["tied"], found["apart"], found["nearer"]) == (1, 2, 1.0)
    assert ties([("p", array(1, 0), array(2.0, 2.1))])["nearer"] is None


def test_rewardbench_ties_by_hand_and_in_full() -> None:
    """Two right answers, 3 and 2, and wrong ones up to 0; beside it one right answer, 1.5, and a wrong one, 1."""
    one = [
        listed("tied:1", [3.0, 2.0, 0.0, -1.0], [[0, 1], [2, 3]]),
        listed("ref:1", [1.5, 1.0], [[0], [1]]),
    ]
    found = ties_score(one)
    assert found is not None and found["prompts"] == 1
    # spread 1, gap 2, the smaller gap of both 0.5: clear of one, not of both
    assert (found["clear"], found["clear_of_both"]) == (1.0, 0.0)
    assert found["margin"] == pytest.approx(math.tanh(0.5 / 1 - 1))
    assert found["score"] == pytest.approx(0.3 + 0.3 + 0.2 + 0 + 0.01 * math.tanh(-0.5))
    assert ties_score(one[:1]) is None and ties_score([listed("a", [1.0, 0.0], [[0], [1]])]) is None


def test_temperature_by_hand() -> None:
    """Three right and one wrong at a lead of 1: sigma(1 / T) = 3/4, so T = 1 / log 3."""
    found = temperature(array(1, 1, 1, -1), np.arange(4))
    assert found["value"] == pytest.approx(1 / math.log(3), rel=1e-6)
    assert temperature(array(1, 2, 3), np.arange(3))["value"] is None  # never wrong
    assert temperature(array(-1, -1, 1), np.arange(3))["value"] is None  # worse than chance
    random = np.random.default_rng(0)
    true = random.normal(size=4000)
    leads = np.where(random.random(4000) < 1 / (1 + np.exp(-np.abs(true))), 1, -1) * np.abs(true) * 3
    warm = temperature(leads, np.arange(4000))
    assert warm["low"] is not None and warm["high"] is not None
    assert warm["low"] < 3 < warm["high"] and warm["high"] - warm["low"] < 1


def test_few_comparisons_show_no_distance_for_sure() -> None:
    """Four of them, one right: each is a bin of its own, so every resample claims what was found."""
    lead = math.log(3)  # claims 75 %
    found = expected(array(lead, -lead, -lead, -lead), array(1, 0, 0, 0), np.arange(4), 0)
    assert found == {"value": pytest.approx((0.25 + 3 * 0.75) / 4), "low": None, "high": None, "n": 4}
    enough = expected(array(*[lead] * 50), array(*[1] * 50), np.arange(50), 0)
    assert enough["low"] is not None


@pytest.mark.slow
def test_ece_by_hand_and_what_chance_adds_to_it() -> None:
    lead = math.log(9)  # claims 90 %
    assert ece(array(lead, lead, lead, -lead), array(1, 1, 1, 0)) == pytest.approx((0.1 * 3 + 0.9) / 4)
    found = expected(array(lead, lead, -lead), array(1, 1, 0), np.zeros(3, dtype=np.int64), 0)
    assert found["low"] is None and found["n"] == 3
    random = np.random.default_rng(1)
    held = 0
    for draw in range(40):  # calibrated but for a temperature of 2: the true ECE is 0.0966
        gaps = np.abs(random.normal(0, 1.5, 300))
        leads = np.where(random.random(300) < 1 / (1 + np.exp(-gaps / 2)), gaps, -gaps)
        one = expected(leads, (leads > 0).astype(float), np.arange(300), draw)
        assert one["low"] is not None and one["high"] is not None
        held += one["low"] < 0.0966 < one["high"]
    assert held >= 34


def test_what_people_agree_on_by_hand() -> None:
    """Three people on one pair, two against one: one of three pairs of people agrees."""
    told = [listed("p", [1.0, 0.0], tiers, by=name) for name, tiers in
            (("a", [[0], [1]]), ("b", [[0], [1]]), ("c", [[1], [0]]), ("a", [[1], [0]]))]  # fmt: skip
    values, names = agreements(told)
    assert sorted(values) == [0.0, 0.0, 1.0] and set(names) == {"p"}  # what `a` says again is no other person
    found = ceiling(told[:3], {"p": (2.0, 3)})
    assert found["agreement"]["value"] == pytest.approx(1 / 3)
    assert found["of_ceiling"]["value"] == pytest.approx((2 / 3) / (1 / 3))
    alone = ceiling(told[:1], {"p": (1.0, 1)})
    assert alone["agreement"]["value"] is None and alone["of_ceiling"]["value"] is None


def test_the_lean_to_long_answers_by_hand() -> None:
    """The longer one wins three of four before the model and one of four before people: a lean of one half."""
    told = [
        listed("a", [0.0, 1.0], [[0], [1]]),
        listed("b", [0.0, 1.0], [[0], [1]]),
        listed("c", [1.0, 0.0], [[0], [1]]),
        listed("d", [0.0, 1.0], [[1], [0]]),
    ]
    found = reward_card(told)["length"]
    assert (found["model"]["value"], found["people"]["value"], found["lean"]["value"]) == (0.75, 0.25, 0.5)
    # differences 1, 1, 0, 0: sd sqrt(1/3), t of 3 degrees 3.1824463
    assert found["lean"]["low"] == pytest.approx(0.5 - 3.1824463 * math.sqrt(1 / 3 / 4), abs=1e-6)
    assert found["lean"]["high"] == 1  # and not above


def test_accuracy_by_tag_writer_annotator_and_group() -> None:
    told = [
        listed(
            "a",
            [1.0, 0.0],
            [[0], [1]],
            tags=["x", "y"],
            by="ann",
            writers=["v1", "v1"],
            cluster=0,
            unseen=False,
        ),
        listed(
            "b", [0.0, 1.0], [[0], [1]], tags=["x"], by="bob", writers=["v1", "v2"], cluster=1, unseen=True
        ),
    ]
    found = reward_card(told, names=("rivers", "towns"), fitted=[listed("z", [1.0, 0.0], [[0], [1]])])

    def shares(field: str) -> dict[str, float]:
        return {name: one["value"] for name, one in found[field].items()}

    assert shares("by_tag") == {"x": 0.5, "y": 1.0}
    assert shares("by_annotator") == {"ann": 1.0, "bob": 0.0}
    assert shares("by_writer") == {"v1": 0.5, "v2": 0.0}
    assert [(one["name"], one["unseen"]) for one in found["clusters"]["each"]] == [
        ("towns", True),
        ("rivers", False),
    ]
    assert (found["clusters"]["unseen"]["value"], found["clusters"]["seen"]["value"]) == (0.0, 1.0)
    assert found["fit_accuracy"]["value"] == 1.0 and found["accuracy"]["value"] == 0.5
    assert reward_card([])["pairs"] == 0


def test_prompts_fall_into_groups_by_their_words() -> None:
    rivers = {f"r{n}": f"how long is the river number {n} and its water" for n in range(30)}
    towns = {f"t{n}": f"which mayor has town number {n} and its streets" for n in range(30)}
    found = clusters.clustered({**rivers, **towns}, 2)
    assert found is not None
    sides = {found.of[name] for name in rivers}, {found.of[name] for name in towns}
    assert len(sides[0]) == len(sides[1]) == 1 and sides[0] != sides[1]
    assert "water" in found.names[found.of["r0"]] and "mayor" in found.names[found.of["t0"]]
    assert clusters.clustered({**rivers, **towns}, 2) == found
    assert clusters.clustered({"a": "one", "b": "two"}, 20) is None  # too few
    assert clusters.clustered({f"p{n}": "?" for n in range(50)}, 2) is None  # no words
    alike = {f"p{n}": ("river water", "town mayor")[n % 2] for n in range(200)}
    same = clusters.clustered(alike, 9)
    assert same is not None and len(same.names) == 2  # no more groups than texts


def many(count: int = 40) -> list[dict[str, Any]]:
    random = Random(0)
    return [
        listed(f"p{n}", [random.gauss(0, 1) for _ in range(4)], [[0], [1], [2], [3]], tags=["<b>"], by="<script>",
               writers=["<i>"] * 4, cluster=n % 2, unseen=bool(n % 2))
        for n in range(count)
    ]  # fmt: skip


def test_the_card_in_words_and_on_a_page() -> None:
    card = {**reward_card(many(), names=("<u>", "b")), "left_out": 2}
    told = "\n".join(lines(card))
    assert "240 comparisons of 40 lists" in told and "2 rankings hold an answer" in told
    shown = card_page({**card, "model": "<script>alert(1)</script>"})
    assert (
        "<script>" not in shown
        and "&lt;script&gt;" in shown
        and "http" not in shown.replace("http-equiv", "")
    )
    whole = page(report({"rows": [], "reward_card": {**card, "fit": {"go": True, "because": ["<b>so</b>"]}}}))
    assert "report card" in whole and "<b>so</b>" not in whole
    assert "No comparison was kept back" in next(lines({**reward_card([]), "fit": None}))


def test_of_very_many_lists_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_lists, "MOST", 10)
    assert reward_lists.whole(many())["lists"] == 10
