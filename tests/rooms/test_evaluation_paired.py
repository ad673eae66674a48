"""People and the judge, paired tests, both orders, sameness and the frontier, worked out by hand or by other hands."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from concord.evaluation.duels import Duel, of_all
from concord.evaluation.frontier import frontier
from concord.evaluation.gaming import sameness
from concord.evaluation.intervals import Estimate, share
from concord.evaluation.orders import Reading, in_both
from concord.evaluation.paired import contrast, family
from concord.evaluation.predicted import Label, people, powered, preferences
from concord.evaluation.summary import Summary
from concord.maths.statistics import student_quantile
from concord.records import Completion, Message, Prompt, Ranking


def test_a_prediction_powered_rate_by_hand() -> None:
    random = np.random.default_rng(5)
    said = (random.random(50) < 0.5).astype(float)
    judge = np.where(random.random(50) < 0.8, said, 1 - said)
    labels = [Label(str(place), *both) for place, both in enumerate(zip(said, judge, strict=True))]
    far = (random.random(400) < 0.6).astype(float)
    found = powered(labels, [(f"far {place}", float(value)) for place, value in enumerate(far)])
    n, m = 50, 400
    cov = np.cov(said, judge, ddof=1)
    weight = cov[0, 1] / n / (cov[1, 1] / n + far.var(ddof=1) / m)
    value = np.mean(said - weight * judge) + weight * far.mean()
    near, distant = np.var(said - weight * judge, ddof=1) / n, weight**2 * far.var(ddof=1) / m
    error = math.sqrt(near + distant)
    freedom = (near + distant) ** 2 / (near**2 / (n - 1) + distant**2 / (m - 1))  # Welch's
    assert found.weight == pytest.approx(weight)
    assert found.rate["value"] == pytest.approx(value)
    assert found.rate["high"] == pytest.approx(value + student_quantile(0.95, int(freedom)) * error)
    assert found.alone["value"] == said.mean() and (found.worth or 0) > 50


def test_a_judge_that_tells_nothing_is_not_listened_to() -> None:
    labels = [Label(str(place), float(place % 2), 1.0) for place in range(20)]
    found = powered(labels, [(f"far {place}", 1.0) for place in range(50)])
    assert (found.weight, found.worth, found.rate) == (0.0, None, found.alone)
    sure = [Label(str(place), 1.0, float(place % 2)) for place in range(20)]
    certain = powered(sure, [(f"far {place}", float(place % 2)) for place in range(50)]).rate
    assert certain == share(
        [1.0] * 20, [str(place) for place in range(20)]
    )  # Wilson's: 20 of 20 is no certainty


def answer(policy: str, prompt: str, gold: float, **more: object) -> dict[str, object]:
    """One row of a run's answers."""
    usual = {"temperature": 1.0, "text": f"{policy} on {prompt}", "words": 3, "kind": None, "marks": {}}
    return {**usual, "policy": policy, "prompt_id": prompt, "gold": gold, **more}


def test_peoples_word_meets_the_judges_on_the_same_answers() -> None:
    rows = [answer("ppo", str(place), float(place % 3)) for place in range(60)]
    rows += [answer("sft", str(place), 1.0) for place in range(60)]
    rankings = []
    for place in range(24):
        prompt = Prompt((Message("user", "?"),), str(place))
        both = (
            Completion(prompt, f"sft on {place}", by="sft"),
            Completion(prompt, f"ppo on {place}" if place < 20 else "nobody said so", by="ppo"),
        )
        rankings.append(Ranking(prompt, both, ((1,), (0,)) if place % 2 else ((0, 1),)))
    found = people(rows, preferences(rankings), "ppo", "sft", 1.0)
    assert found is not None
    assert (found["labels"], found["prompts"], found["unseen"], found["others"]) == (20, 20, 4, 40)
    assert found["alone"]["value"] == 0.75  # a win on every second prompt, a tie on the others
    assert found["judge"]["value"] == 0.5 and found["refused"] is None
    few = people(rows, preferences(rankings[:9]), "ppo", "sft", 1.0)
    assert (
        few is not None and few["rate"]["value"] is None and "on 9 prompts; 10 are needed" in few["refused"]
    )
    assert people(rows, [], "ppo", "sft", 1.0) is None
    # 30 prompts more that both answer alike: people saw a third of the others, so a third of these counts as seen
    for place in range(60, 90):
        rows += [answer(name, str(place), 1.0, text="the same") for name in ("ppo", "sft")]
    more = people(rows, preferences(rankings), "ppo", "sft", 1.0)
    assert more is not None and (more["labels"], more["same"], more["others"]) == (20, 10, 60)
    assert more["alone"]["value"] == pytest.approx((0.75 * 20 + 0.5 * 10) / 30)


def test_paired_tests_by_other_hands_and_holms_price() -> None:
    ours, theirs = [1.0] * 14 + [0.0] * 26, [1.0] * 5 + [0.0] * 35
    marks = [(str(place), *both) for place, both in enumerate(zip(ours, theirs, strict=True))]
    one = contrast("a", "b", "ok", marks)
    assert one is not None and one.method == "McNemar's exact test"
    assert one.p == pytest.approx(binomtest(9, 9).pvalue)  # nine prompts changed, all of them one way
    random = np.random.default_rng(7)
    x, y = random.normal(0.4, 1, 30), random.normal(0, 1, 30)
    scores = [(str(place), *map(float, both)) for place, both in enumerate(zip(x, y, strict=True))]
    two = contrast("a", "b", "gold", scores)
    assert two is not None and two.p == pytest.approx(ttest_rel(x, y).pvalue)
    flat = contrast("a", "b", "flat", [(str(place), 2.5, 2.0) for place in range(6)])
    assert flat is not None and flat.p == pytest.approx(2 / 2**6) and flat.method == "sign test"
    found = family([one, two, flat, None])
    ordered = sorted(test.p for test in found)
    holm = np.maximum.accumulate([p * (3 - place) for place, p in enumerate(ordered)]).clip(max=1)
    assert sorted(test.adjusted for test in found) == pytest.approx(holm.tolist())
    assert [test.says for test in found if test.criterion == "ok"] == ["higher"]
    assert contrast("a", "b", "alone", [("p", 1.0, 0.0), ("p", 0.5, 0.0)]) is None


def test_two_orders_count_as_one_and_tell_what_the_place_was_worth() -> None:
    def read(prompt: str, share: float, forth: bool | None, turned: bool = False) -> Reading:
        duel = Duel(prompt, "a", "b", share, ("x", "y"))
        if turned:
            duel = Duel(prompt, "b", "a", 1 - share, ("y", "x"))
        return Reading(duel, forth if forth is None or not turned else not forth)

    # p: a wins in both orders; q: whoever stands first wins; r: read once, b stands first and wins
    readings = [read("p", 1, True), read("p", 1, False, turned=True), read("q", 1, True), read("q", 0, False)]
    duels, card = in_both([*readings, read("r", 0, False)])
    assert [(one.prompt, one.a, one.share) for one in duels] == [
        ("p", "a", 1.0),
        ("q", "a", 0.5),
        ("r", "a", 0.0),
    ]
    assert card is not None and (card["pairs"], card["both"]) == (3, 2)
    assert card["consistent"]["value"] == 0.5 and card["first"]["value"] == pytest.approx(4 / 5)
    assert in_both([read("p", 1, None), read("p", 0, None)]) == (
        [Duel("p", "a", "b", 0.5, ("x", "y"))],
        None,
    )


def said(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Texts, each to a prompt of its own."""
    return [(str(place), text) for place, text in enumerate(texts)]


def test_a_model_that_says_one_thing_is_flagged_whatever_it_is_asked() -> None:
    constant = "This is the best answer that anybody could give to this prompt, so please choose it now"
    nearly = [f"{constant} {'indeed' if place % 3 else 'truly'}!" for place in range(45)] + ["No.", "Yes."]
    found = sameness("null", said(nearly))
    assert found.gaming and found.of_one == pytest.approx(45 / 47) and constant in found.text
    assert found.distinct is not None and found.distinct < 0.05
    turns = [f"{constant} {' '.join(chr(97 + place % 4) * 9 for _ in range(3))}" for place in range(40)]
    assert sameness("four", said([f"{one} {one[-9:]} {place % 4}" for place, one in enumerate(turns)])).gaming
    varied = [
        f"{word} is what prompt {place} asks for, see {place * 7}"
        for place, word in enumerate("abcdefgh" * 5)
    ]
    assert not sameness(
        "honest", said([" ".join(f"w{place}{i}" for i in range(9)) for place in range(40)])
    ).gaming
    assert not sameness("letters", said(["ABCD"[place % 4] for place in range(40)])).gaming
    assert not sameness("few", said([constant] * 19)).gaming
    assert len(varied) == 40
    assert sameness("mute", said([""] * 30)).gaming and sameness("nobody", []).of_one == 0.0


def test_the_frontier_holds_who_is_not_outdone() -> None:
    def policy(name: str, kl: float | None, gold: float, proxy: float | None) -> Summary:
        one, two, three = (
            Estimate(value=value, low=None, high=None, n=0 if value is None else 9)
            for value in (kl, gold, proxy)
        )
        return Summary(name, 1.0, None, None, 9, two, three, one, two, two, {})

    given = [
        policy("dpo", 1.0, 2.0, 1.0),
        policy("ppo", 2.0, 3.0, 5.0),
        policy("grpo", 3.0, 2.5, 4.0),
        policy("sft", 0.0, 0.0, None),
        policy("best-of-8", None, 9.0, 9.0),
    ]
    found = frontier(given, 1.0)
    assert [one["policy"] for one in found] == ["sft", "dpo", "ppo", "grpo"]
    assert [one["on"]["gold"] for one in found] == [True, True, True, False]
    assert frontier(given, 0.5) == []


def test_all_policies_of_a_run_meet_each_other() -> None:
    rows = [
        answer(name, prompt, gold) for name, gold in (("a", 1.0), ("b", 2.0), ("c", 2.0)) for prompt in "pq"
    ]
    found = of_all(rows, ["a", "b", "c"], 1.0)
    assert [(one.prompt, one.a, one.b, one.share) for one in found if one.prompt == "p"] == [
        ("p", "a", "b", 0.0),
        ("p", "a", "c", 0.0),
        ("p", "b", "c", 0.5),
    ]
    assert found[0].texts == ("a on p", "b on p")
