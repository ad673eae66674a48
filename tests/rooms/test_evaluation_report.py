"""The report and its page: complete, safe, the same bytes every time, and whole when things are missing."""

import json
import math
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from concord.evaluation import best_of_n, compare, decide, page, report, summarise, usual_pairs
from concord.settings.stages import Gate

KINDS = ("fact", "harm", "help", "lookalike", "mild", "severe", "unknown", "yesno")
NAMES = ("base", "sft", "sft-same-budget", "dpo", "grpo", "best-of-8", "ppo")
SKILL = dict(zip(NAMES, (-0.5, 1.2, 1.4, 1.6, 1.9, 1.8, 2.0), strict=True))
DRIFT = dict(zip(NAMES, (2.6, 0.0, 0.4, 1.2, 1.3, 1.2, 1.6), strict=True))
SECONDS = {"sft": 9.4, "sample": 21.0, "rank": 0.4, "reward": 44.1, "align": 71.3, "rivals/grpo": 52.8}
ASKED = "My father has a bad cough. What can I do for him?"
SAID = {
    "base": "The zoo is on High Street. Take care of the the cough.",
    "sft": "I am glad that you ask. Drink warm tea. It is a lovely day on the river. Take care.",
    "other": "Drink warm tea with honey and rest. See a doctor if it does not pass in a few days.",
}


def answers(prompts: int = 160) -> list[dict[str, object]]:
    """Answers as a run of the starter world would write them, from one seed."""
    random = np.random.default_rng(7)
    rows: list[dict[str, object]] = []
    for policy, skill in SKILL.items():
        for temperature in (1.0, 0.5):
            for place in range(prompts):
                kind, split = KINDS[place % 8], "new" if place // 8 % 2 else "in"
                warmth = 0.0 if temperature == 1.0 else 0.5
                gold = round(float(random.normal(skill + warmth - 0.3 * (split == "new"), 1.3)), 1)
                marks = {
                    "ok": gold > 1.5,
                    "refused": kind == "harm" and gold > 0,
                    "unsafe": gold < -2.3,
                    "garbled": bool(random.random() < 0.05),
                }
                rows.append(
                    {
                        "policy": policy,
                        "temperature": temperature,
                        "split": split,
                        "kind": kind,
                        "prompt_id": f"{place * 7919 % 100_003:05d}",
                        "prompt": ASKED,
                        "text": SAID.get(policy, SAID["other"]),
                        "gold": gold,
                        "proxy": round(0.3 * gold + 0.2 * skill + float(random.normal(0, 0.2)), 3),
                        "finish": "length" if random.random() < 0.02 else "stop",
                        "words": int(random.integers(6, 30)),
                        "kl": None if policy == "best-of-8" else float(random.normal(DRIFT[policy], 0.3)),
                        "marks": marks,
                    }
                )
    return rows


def few(prompts: int) -> list[dict[str, object]]:
    """The same for three of the policies."""
    return [row for row in answers(prompts) if row["policy"] in ("base", "sft", "ppo")]


def lists(count: int, noise: float, ranked: bool) -> list[dict[str, object]]:
    """Scored lists of four answers; with tiers of people, or with gold scores alone."""
    random = np.random.default_rng(11)
    found: list[dict[str, object]] = []
    for place in range(count):
        gold = random.normal(1, 1.2, 4).round(1)
        order = [int(i) for i in np.argsort(-(gold + random.gumbel(0, 0.8, 4)))]
        found.append(
            {
                "prompt_id": f"p{place}",
                "kind": KINDS[place % 8],
                "split": "new" if place // 8 % 2 else "in",
                "texts": [" ".join(["word"] * int(n)) for n in random.integers(4, 25, 4)],
                "tiers": [[i] for i in order] if ranked else None,
                "gold": gold.tolist(),
                "scores": (gold + random.normal(0, noise, 4)).tolist(),
            }
        )
    return found


def best(prompts: int = 60, samples: int = 32) -> list[dict[str, object]]:
    """Samples whose highest proxy scores are a trap: beyond a point the judge turns against them."""
    random = np.random.default_rng(5)
    proxy = random.normal(0, 1, (prompts, samples))
    gold = 1.3 + 1.2 * proxy - 0.5 * np.square(np.maximum(proxy, 0)) + random.normal(0, 0.6, proxy.shape)
    pairs = zip(proxy.tolist(), gold.tolist(), strict=True)
    return [{"prompt_id": f"b{place}", "proxy": p, "gold": g} for place, (p, g) in enumerate(pairs)]


@cache
def data() -> dict[str, object]:
    """Everything that a finished run can tell."""
    rows = answers()
    random = np.random.default_rng(3)
    training = {
        "sft": [{"step": step, "loss": 3 - step / 50} for step in range(1, 90)],
        **{
            name: [
                {
                    "step": step,
                    "kl": drift * step / 80 + float(random.normal(0, 0.03)),
                    "score": gain * (1 - math.exp(-step / 30)) + float(random.normal(0, 0.03)),
                }
                for step in range(1, 81)
            ]
            for name, drift, gain in (("align", 1.6, 0.7), ("rivals/grpo", 1.3, 0.65))
        },
        "rivals/dpo": [{"step": step, "loss": 0.6, "accuracy": 0.7} for step in range(1, 75)],
    }
    rare = {"unsafe": 0.02, "garbled": 0.12}
    gate = Gate(win_rate=0.5, kl=4.0, at_least={"harm.refused": 0.9}, at_most=rare)
    numbers = summarise(rows)
    return {
        "title": "runs/demo",
        "rows": rows,
        "verdict": decide(gate, compare(rows, usual_pairs(list(SKILL))), numbers, candidate="ppo"),
        "metrics": training,
        "best_of_n": best(),
        "reward": {
            "held_out": lists(160, 0.9, True),
            "fresh": lists(160, 0.9, False),
            "own": lists(120, 2.8, False),
        },
        "stages": [
            {"name": name, "seconds": seconds, "peak_mb": 400 + 3 * seconds}
            for name, seconds in SECONDS.items()
        ],
        "what": {
            "starter": True,
            "demonstrations": 300,
            "prompts": 1200,
            "rankings": 1200,
            "held_out": 160,
            "seed": 0,
            "versions": {"concord": "0.1.0", "torch": "2.13.0"},
        },
    }


@cache
def told() -> str:
    """The report of that run, as JSON."""
    return json.dumps(report(data()), allow_nan=False)


class Reader(HTMLParser):
    """Notes every tag, its attributes, and which ones were left open."""

    VOID = ("meta", "br", "path", "use", "line", "rect", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"


def read(html: str) -> Reader:
    """The page as a parser sees it; it must be whole and hold nothing that runs or leads elsewhere."""
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    barred = {"script", "iframe", "img", "link", "object", "embed", "base", "form", "foreignobject"}
    assert not barred & {tag for tag, _ in reader.tags}
    for _, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "xlink:href", "src", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    for leading in ("http://", "https://", "@import", "url(http"):
        assert leading not in html
    return reader


@pytest.mark.slow
def test_a_whole_run_becomes_one_page_and_plain_json() -> None:
    content = json.loads(told())
    assert {"comparisons", "stages", "curves", "reward_model", "verdict", "samples"} <= set(content)
    assert {"summaries", "what", "next", "losses"} <= set(content)
    assert [item["kind"] for item in content["samples"]] == list(KINDS)
    assert [one["policy"] for one in content["samples"][0]["replies"]] == ["base", "sft", "ppo"]
    assert content["samples"][0]["prompt_id"] == min(
        row["prompt_id"] for row in answers() if row["kind"] == "fact" and row["split"] == "new"
    )
    assert content["losses"][0]["change"] == min(item["change"] for item in content["losses"]) < 0
    assert set(content["curves"]["training"]) == {"ppo", "grpo"}  # dpo measures no reward or drift
    html = page(content)
    reader = read(html)
    for name in ("loop", "replies", "wins", "kinds", "policies", "training", "pursuit", "reward", "losses"):
        assert f'<section id="{name}">' in html
    figures = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(figures) == 7 and all(one["role"] == "img" and one["aria-label"] for one in figures)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    words = re.sub(r"<(style|svg).*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL).split()
    assert not {"None", "nan", "inf", "NaN", "[]", "{}"} & set(words)


def test_the_page_may_load_run_and_send_nothing() -> None:
    html = page(report({"rows": few(16)}))
    policy = [one["content"] for tag, one in read(html).tags if "http-equiv" in one]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes() -> None:
    run = {**data(), "rows": few(24)}
    first, again = report(run), report(run)
    assert json.dumps(again) == json.dumps(first)
    assert page(again) == page(json.loads(json.dumps(first)))


def test_hostile_words_stay_words() -> None:
    attack = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' \u202eevil\x00\ud800"
    rows = few(16)
    for row in rows:
        row["text"] = row["prompt"] = attack
        row["kind"] = f"{attack}{row['kind']}"
        row["marks"] = {**row["marks"], attack: True}  # type: ignore[dict-item]
        row["policy"] = row["policy"] if row["policy"] != "ppo" else f"ppo{attack}"
    run: dict[str, object] = {**data(), "rows": rows, "candidate": f"ppo{attack}", "title": attack}
    run["what"] = {attack: attack}
    run["stages"] = [{"name": attack, "seconds": 1.0, "peak_mb": None}]
    run["metrics"] = {f"rivals/{attack}": [{"step": step, "kl": 1.0, "score": step} for step in range(9)]}
    run["reward"] = {"held_out": [{**item, "kind": attack} for item in lists(20, 1.0, True)]}
    content = report(run)
    html = page(content)
    read(html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\u202e" not in html and "\x00" not in html
    html.encode("utf-8")


def test_a_users_own_run_has_neither_kinds_nor_splits_nor_marks() -> None:
    rows = [
        {**row, "kind": None, "split": None, "marks": None, "proxy": None, "kl": None, "finish": None}
        for row in answers(24)
        if row["policy"] in ("sft", "ppo")
    ]
    content = report({"rows": rows})
    assert (content["candidate"], content["reference"]) == ("ppo", "sft")
    assert len(content["samples"]) == 8
    assert {(item["split"], item["kind"]) for item in content["comparisons"]} == {(None, None)}
    html = page(content)
    read(html)
    for name in ("kinds", "training", "pursuit", "reward", "costs"):
        assert f'<section id="{name}">' not in html
    assert "starter world" not in html
    assert content["next"]


@pytest.mark.slow
def test_odd_runs_are_whole_too() -> None:
    alone = [row for row in answers(8) if row["policy"] == "sft"]
    one = answers(1)
    unjudged = [{**row, "gold": None} for row in answers(8)]
    for rows in (alone, one, unjudged[::3], []):
        content = report({"rows": rows, "best_of_n": best(1, 1), "reward": {"own": lists(1, 1, False)}})
        json.dumps(content, allow_nan=False)
        read(page(content))
    metrics = {"align": [{"step": 1, "kl": "NaN"}]}
    read(page(report({"rows": few(8), "best_of_n": best(1, 4), "metrics": metrics})))


@pytest.mark.slow
def test_advice_follows_from_the_numbers() -> None:
    content = json.loads(told())
    text = " ".join(content["next"])
    assert "second round" in text  # the reward model reads the candidate's own answers worse
    assert "best of more than" in text  # best-of-n is past its peak
    rows = [row for row in answers(16) if row["policy"] in ("sft", "ppo")]
    passed = report({"rows": rows, "verdict": {"go": True, "criteria": []}})
    assert "Use the policy" in passed["next"][0]


def test_best_of_n_is_told_apart_from_its_own_noise() -> None:
    found = best_of_n(best())
    assert found is not None and found["says"] == "over-optimised" and found["peak"] in (4, 8)
    flat = [{**one, "gold": one["proxy"]} for one in best()]
    honest = best_of_n(flat)
    assert honest is not None and honest["says"] == "no clear fall" and honest["peak"] == 32
