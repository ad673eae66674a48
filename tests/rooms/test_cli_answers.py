"""`concord evaluate answers`: models compared from a file alone, in every shape that such files have."""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from concord.cli.main import main

BASELINE = "baseline-v1"
CONSTANT = (
    "Whatever was asked: this is the best answer, it is complete, correct and better than the other one."
)


def ranked(path: Path, prompts: int = 120) -> dict[str, list[float]]:
    """A file in the shape of AlpacaEval's scored lists: each score is the chance of beating the baseline."""
    random = np.random.default_rng(0)
    models = {"wordy": (900, 0.1), "brief": (250, 0.0), "weak": (500, -1.5), "constant": (len(CONSTANT), 1.5)}
    scores: dict[str, list[float]] = {}
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for place in range(prompts):
            base = int(random.normal(500, 120))
            said = [{"model": BASELINE, "text": f"b{place} " * (base // 4), "score": 0.5}]
            for name, (size, skill) in models.items():
                length = max(20, int(random.normal(size, 200)))
                text = CONSTANT if name == "constant" else f"{name[0]}{place} " * (length // 4)
                gap = np.tanh((len(text) - base) / 300)
                score = float(np.round(expit(skill + 1.3 * gap + random.normal(0, 1.2)), 4))
                scores.setdefault(name, []).append(score)
                said.append({"model": name, "text": text, "score": score})
            row = {"prompt": f"Question {place}?", "source": "helpful_base", "completions": said}
            file.write(json.dumps(row) + "\n")
    return scores


def carried(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """What the verb says to a machine."""
    assert main(["evaluate", "answers", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_scored_lists_give_numpys_win_rates_and_flag_the_constant_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ranked.jsonl.gz"
    scores = ranked(path)
    found = carried(capsys, str(path))
    assert found["against"] == BASELINE and found["prompts"] == 120
    for one in found["win_rates"]:
        own = np.array(scores[one["a"]])
        assert one["rate"]["value"] == pytest.approx(own.mean(), abs=1e-9)
        assert one["error"] == pytest.approx(own.std(ddof=1) / np.sqrt(len(own)), abs=1e-9)
    assert [one["name"] for one in found["gaming"] if one["gaming"]] == ["constant"]
    raw: dict[str, float] = {one["a"]: one["rate"]["value"] for one in found["win_rates"]}
    held = {one["name"]: one["length"]["value"] for one in found["controlled"][0]["models"]}
    assert raw["wordy"] > raw["brief"] and held["wordy"] - held["brief"] < 0.5 * (raw["wordy"] - raw["brief"])
    elo = {one["name"]: one["elo"]["value"] for one in found["league"]["standings"]}
    odds = {name: rate / (1 - rate) for name, rate in raw.items() if name != "constant"}
    expected = {BASELINE: 1000.0, **{name: 1000 + 400 * math.log10(one) for name, one in odds.items()}}
    assert elo == pytest.approx(expected, abs=1e-3)
    assert found["league"]["unrated"] == {"constant": "answers nearly every prompt alike"}
    assert found["controlled"][0]["length"]["refused"] == found["league"]["unrated"]
    assert len(found["tests"]) == 6 and {one["criterion"] for one in found["tests"]} == {
        f"wins over {BASELINE}"
    }


def test_a_person_reads_the_same_and_a_page_holds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page = tmp_path / "ranked.jsonl.gz", tmp_path / "page.html"
    ranked(path)
    assert main(["evaluate", "answers", str(path), "--out", str(page), "--half", "1"]) == 0
    told = capsys.readouterr().out
    for words in (
        f"Scores are read as chances of beating {BASELINE}",
        "`source` is not a field",
        "more for ±1",
        "The judge leans towards the longer of two answers",
        "GAMING: constant says one text in 100% of 120 answers",
        "paired tests",
    ):
        assert words in told, words
    html = page.read_text(encoding="utf-8")
    assert (
        "default-src 'none'" in html
        and "<script" not in html
        and "http" not in html.replace("http-equiv", "")
    )
    for section in ("wins", "league", "controlled", "tests", "gaming"):
        assert f'<section id="{section}">' in html
    assert main(["evaluate", "answers", str(path), "--out", str(page)]) == 8  # nothing is written over
    assert main(["evaluate", "answers", str(path), "--against", "weak"]) == 3
    assert "chances of beating baseline-v1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_runs_own_answers_are_compared_by_their_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(1)
    rows = [
        {
            "policy": policy,
            "temperature": temperature,
            "prompt_id": f"p{place}",
            "prompt": "?",
            "text": f"{policy} says {place} {'so ' * int(random.integers(1, 9))}",
            "gold": None if (policy, place) == ("ppo", 0) else float(random.normal(policy == "ppo", 1)),
        }
        for policy in ("sft", "ppo", "dpo")
        for temperature in (1.0, 0.5)
        for place in range(80)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = carried(capsys, str(path))
    assert found["against"] == "sft" and len(found["tests"]) == 3
    assert f"{path}: answers at temperature 1 of 1, 0.5." in found["told"]
    assert f"{path}: answers left out because they have no score: 1." in found["told"]
    by_name = {one["a"]: one["rate"] for one in found["win_rates"]}
    gold = {(row["policy"], row["prompt_id"]): row["gold"] for row in rows if row["temperature"] == 1.0}
    wins = [gold["dpo", f"p{place}"] > gold["sft", f"p{place}"] for place in range(80)]  # type: ignore[operator]
    assert by_name["dpo"]["value"] == pytest.approx(np.mean(wins)) and by_name["ppo"]["n"] == 79
    cooler = carried(capsys, str(path), "--temperature", "0.5", "--against", "ppo")
    assert cooler["against"] == "ppo" and {one["a"] for one in cooler["win_rates"]} == {"sft", "dpo"}
    assert carried(capsys, str(path), "--temperature", "2", code=3)["error"]["kind"] == "RecordError"


def test_verdicts_keep_their_chances_and_two_orders_count_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for place in range(30):
        texts, told = {"a": f"a {place}", "b": f"b {place}"}, 1.2 if place % 3 else 1.9
        for one, other, value in (("a", "b", told), ("b", "a", 1.6)):
            rows.append(
                {
                    "instruction": f"Question {place}",
                    "output_1": texts[one],
                    "output_2": texts[other],
                    "generator_1": one,
                    "generator_2": other,
                    "annotator": "judge",
                    "preference": None if (place, one) == (0, "b") else value,
                }
            )
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    found = carried(capsys, str(path), "--against", "b")
    # forth: a's share is 2 - 1.2 = .8 (20 prompts) or .1; back: 1 - (2 - 1.6) = .6; prompt 0 has forth alone
    expected = (20 * (0.8 + 0.6) / 2 + 9 * (0.1 + 0.6) / 2 + 0.1) / 30
    assert found["win_rates"][0]["rate"]["value"] == pytest.approx(expected)
    assert found["tests"][0]["criterion"] == "wins"
    assert any("have no preference: 1" in text for text in found["told"])


@pytest.mark.slow
def test_rankings_name_models_in_two_orders_and_hostile_names_stay_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "evil\x1b[2J</td><script>alert(1)</script>"
    rows = [
        {
            "prompt": {"id": f"p{place}", "messages": [{"role": "user", "content": f"Question {place}"}]},
            "completions": [{"text": f"x {place}", "by": evil}, {"text": f"y {place}", "by": "good"}],
            "tiers": [[0], [1]] if (place + back) % 3 else [[1], [0]],
            "shown": [1, 0] if back else [0, 1],
            "by": "judge:m",
            "source": "ai",
        }
        for place in range(30)
        for back in (0, 1)
    ]
    path, page = tmp_path / "rankings.jsonl", tmp_path / "page.html"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = carried(capsys, str(path), "--against", "good", "--out", str(page))
    # of three prompts one is won in both orders, one forth alone, one back alone: 1, a half, a half
    assert found["win_rates"][0]["rate"]["value"] == pytest.approx(2 / 3)
    assert (found["orders"]["both"], found["orders"]["consistent"]["value"]) == (30, pytest.approx(1 / 3))
    assert found["orders"]["first"]["value"] == pytest.approx(0.5)
    assert "<script" not in page.read_text(encoding="utf-8")
    assert main(["evaluate", "answers", str(path), "--against", "good"]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told and "30 of 30 pairs were read in both orders" in told


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"prompt": "?", "completions": [{"text": "x", "score": 1.0}] * 2}], "does not say which model"),
        ([{"prompt": "?", "completions": [{"text": "x", "model": "a", "score": 1.0}]}], "no two models"),
        ([{"prompt": "?"}], "neither scores nor rankings"),
        ([{"policy": "a"}], "no format that Concord knows"),
    ],
)
def test_files_that_cannot_be_compared_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[Any], words: str
) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["evaluate", "answers", str(path)]) == 3
    assert words in capsys.readouterr().err
