"""The watch on the report's page: both curves, the law and its peak, and hostile words that stay words."""

import json
import math

import pytest

from concord.evaluation import page, report
from concord.evaluation.looks import finding, looks
from concord.evaluation.overoptimisation import best_of_n

ROWS = [
    {
        "policy": policy,
        "temperature": 1.0,
        "split": None,
        "kind": None,
        "prompt_id": f"p{place}",
        "prompt": "q",
        "text": "a",
        "gold": gold,
        "proxy": gold,
        "finish": "stop",
        "words": 1,
        "kl": 0.0,
        "marks": {},
    }
    for policy, gold in (("sft", 1.0), ("ppo", 2.0))
    for place in range(4)
]


def at(value: float) -> dict[str, float | int]:
    return {"value": value, "low": value - 0.2, "high": value + 0.2, "n": 64}


def line(step: int, kl: float, proxy: float, gold: float) -> dict[str, object]:
    return {
        "step": step,
        "round": step // 4,
        "kl": at(kl),
        "sqrt_kl": math.sqrt(kl),
        "proxy": at(proxy),
        "gold": at(gold),
    }


LOOKS = [line(0, 0, 0.0, 1.0), line(8, 1, 0.5, 2.0), line(16, 4, 0.9, 1.4), line(24, 9, 1.2, 0.5)]
FOUND = {
    "fits": [
        {
            "law": "rl",
            "a": at(1.0),
            "b": at(0.9),
            "peak": {"value": 1.12, "low": 0.9, "high": None, "n": 64},
            "past_peak": 0.998,
        }
    ],
    "peak": {"step": 8, "round": 2, "sqrt_kl": 1.0, "gold": at(2.0)},
    "fall": at(-1.5),
    "past_peak": 0.998,
    "stopped": {"step": 24, "rule": "gold", "action": "roll-back"},
    "rolled_back_to": 8,
}
ALARM = {
    "step": 12,
    "rule": "length",
    "action": "warn",
    "says": "screening signal: <script>alert(1)</script>",
}
WATCH = {"ppo": {"looks": LOOKS, "found": FOUND, "alarms": [ALARM]}}


@pytest.mark.slow
def test_both_curves_stand_on_the_page_with_what_came_of_them() -> None:
    content = report({"rows": ROWS, "watch": WATCH})
    assert json.loads(json.dumps(content)) == content
    shown = page(content)
    part = shown[shown.index('<section id="watch">') :]
    part = part[: part.index("</section>")]
    assert part.count("<svg") == 2 and "fitted law" in part and "step 8" in part
    assert "What the reward model believes at each look. step 0: 0.00, step 8: 0.50" in part
    assert (
        "Learning was stopped after step 24 by the rule gold. The policy of this run is that of step 8."
        in part
    )
    assert "peaks at d = 1.12 [0.90, beyond]; the chance that the last look is past it is 100" in part
    assert "<script>" not in shown and "&lt;script&gt;" in part


def test_the_page_says_what_the_judge_had_a_say_in_and_what_to_do_next() -> None:
    asked = {"ppo": {**WATCH["ppo"], "found": {**FOUND, "asked": {"judge": "starter"}}}}
    shown = page(report({"rows": ROWS, "watch": asked}))
    assert "it had a say in when learning ended" in shown
    assert "Learning of ppo was stopped after step 24: it had begun to game its reward." in shown


def test_without_a_watch_there_is_no_such_part() -> None:
    assert '<section id="watch">' not in page(report({"rows": ROWS}))
    assert looks({"watch": {"ppo": {"looks": LOOKS[:1], "found": {}, "alarms": []}}}) == ""


def test_looks_without_a_judge_draw_the_reward_model_alone() -> None:
    bare = [{name: value for name, value in one.items() if name != "gold"} for one in LOOKS]
    shown = looks({"watch": {"dpo": {"looks": bare, "found": {"fits": [], "peak": None}, "alarms": []}}})
    assert shown.count("<svg") == 1 and "What the judge finds" not in shown


def test_a_peak_far_beyond_all_looks_has_no_place() -> None:
    far = {**FOUND["fits"][0], "peak": {"value": 1445.34, "low": 0.76, "high": None, "n": 64}}  # type: ignore[index]
    shown = looks({"watch": {"ppo": {"looks": LOOKS, "found": {**FOUND, "fits": [far]}, "alarms": []}}})
    assert "1445" not in shown
    assert "peaks at more than 10 times the drift that was reached, at d = 0.76 at the earliest" in shown


def test_a_law_without_a_peak_is_told_as_such() -> None:
    flat = {**FOUND["fits"][0], "peak": {"value": None, "low": None, "high": None, "n": 64}, "past_peak": 0.0}  # type: ignore[index]
    assert "shows no peak" in finding({"looks": LOOKS, "found": {"fits": [flat]}, "alarms": []})


def test_the_curve_of_best_of_n_gets_its_law() -> None:
    """Proxy says nothing of gold beyond the first half of its order: gains that bend; the last look is n = 8."""
    samples = [
        {
            "prompt_id": f"p{place}",
            "proxy": list(range(8)),
            "gold": [min(n, 4) + 0.1 * ((n * place) % 3) for n in range(8)],
        }
        for place in range(12)
    ]
    found = best_of_n(samples)
    assert found is not None and found["law"]["law"] == "best-of-n"
    assert found["law"]["a"]["value"] > 0 and found["law"]["b"]["value"] > 0
    assert found["law"]["a"]["n"] == 3, "n = 2, 4, 8"
    assert best_of_n([{"prompt_id": "p", "proxy": [1, 2], "gold": [1, 2]}])["law"] is None  # type: ignore[index]
