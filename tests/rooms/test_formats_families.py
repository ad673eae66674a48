"""Rows of every tool mean what they say: hand-made examples, read into the records that one would write by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.shapes import ETNA, RHINE, SHAPES, TREE, USER, argilla, leaf, ranked_by, studio

from concord.errors import RecordError
from concord.formats import (
    Rows,
    read_completions,
    read_demonstrations,
    read_judgements,
    read_rankings,
    read_ratings,
    read_steps,
    write_rankings,
    write_ratings,
)
from concord.records import Completion, Message, Prompt, Ranking, prompt_key

BOTH = ["The Rhine.", "Etna."]
TURNED = ["Etna.", "The Rhine."]
THREE = ["Etna.", "The Rhine.", "The Po."]


def put(path: Path, *rows: Any) -> Path:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rank(path: Path, *rows: Any) -> Rows[Ranking]:
    """Rows read as rankings."""
    return read_rankings(put(path / "rows.jsonl", *rows))


MEANT: dict[str, tuple[list[str], tuple[tuple[int, ...], ...], str, list[str], str]] = {
    # answers in their order, tiers, source, who wrote the answers, who judged
    "openai-preference": (BOTH, ((0,), (1,)), "human", ["", ""], ""),
    "ms-swift": (BOTH, ((0,), (1,)), "human", ["", ""], ""),
    "alpaca-preference": (BOTH, ((0,), (1,)), "human", ["", ""], ""),
    "sharegpt-preference": (BOTH, ((0,), (1,)), "human", ["", ""], ""),
    "nemo-rank": (TURNED, ((1,), (0,)), "human", ["", ""], ""),
    "nectar": (TURNED, ((1,), (0,)), "ai", ["m1", "m2"], ""),
    "scored-list": (TURNED, ((1,), (0,)), "ai", ["m1", "m2"], ""),
    "rated-list": (TURNED, ((1,), (0,)), "ai", ["m1", "m2"], ""),
    # The means are 2.5, 4.5 and 4.5; the overall scores, which say the opposite, are not read.
    "ultrafeedback": (THREE, ((1, 2), (0,)), "ai", ["m1", "m2", "m3"], ""),
    "ultrafeedback-binarized": (BOTH, ((0,), (1,)), "ai", ["", ""], ""),
    "rewardbench": (BOTH, ((0,), (1,)), "human", ["m2", "m1"], ""),
    "rewardbench-2": (["The Rhine.", "The Po.", "Etna."], ((0, 1), (2,)), "human", ["", "", ""], ""),
    "arena": (TURNED, ((1,), (0,)), "human", ["m1", "m2"], "u1"),
    "alpacaeval-verdicts": (TURNED, ((1,), (0,)), "ai", ["m1", "m2"], "judge"),
    "shp": (TURNED, ((1,), (0,)), "human", ["", ""], ""),
    "helpsteer3": (TURNED, ((1,), (0,)), "human", ["", ""], ""),
    "summarize": (TURNED, ((1,), (0,)), "human", ["m1", "m2"], "u1"),
    "label-studio": (THREE, ((1,), (2,), (0,)), "human", ["", "", ""], "7"),
    "argilla": (THREE, ((1,), (0, 2)), "human", ["", "", ""], "u1"),
}


@pytest.mark.parametrize("name", MEANT)
def test_a_row_is_the_ranking_that_it_says(name: str, tmp_path: Path) -> None:
    texts, tiers, source, writers, judge = MEANT[name]
    rows = rank(tmp_path, SHAPES[name])
    (found,) = rows
    assert rows.format == name
    assert [one.text for one in found.completions] == texts
    assert [one.by for one in found.completions] == writers
    assert (found.tiers, found.source, found.by, found.all_bad) == (tiers, source, judge, False)
    assert found.prompt.messages[-1] == Message("user", "Name a river.")
    assert found.prompt.id == (
        "p" if name == "ultrafeedback-binarized" else prompt_key(found.prompt.messages)
    )


def test_alpaca_and_sharegpt_tell_who_spoke(tmp_path: Path) -> None:
    (shown,) = read_demonstrations(put(tmp_path / "a.jsonl", SHAPES["alpaca"]))
    assert [(turn.role, turn.content) for turn in shown.prompt.messages] == [
        ("system", "Be kind."), ("user", "Hello"), ("assistant", "Hello!"), ("user", "Name a river\nin Italy."),
    ]  # fmt: skip
    assert shown.text == "The Po."
    (talk,) = read_demonstrations(put(tmp_path / "s.jsonl", SHAPES["sharegpt"]))
    assert [turn.role for turn in talk.prompt.messages] == ["system", "user"] and talk.text == "The Rhine."


def test_labels_are_ratings_of_one_and_nought(tmp_path: Path) -> None:
    rows = [SHAPES["trl-kto"] | {"label": label} for label in (True, False)]
    assert [one.value for one in read_ratings(put(tmp_path / "k.jsonl", *rows))] == [1.0, 0.0]
    assert read_ratings(put(tmp_path / "c.jsonl", SHAPES["trl-kto-chat"]))[0].completion.text == "The Rhine."
    assert read_ratings(put(tmp_path / "s.jsonl", SHAPES["sharegpt-kto"]))[0].value == 0.0
    assert read_ratings(put(tmp_path / "f.jsonl", SHAPES["alpaca-kto"]))[0].value == 1.0


@pytest.mark.parametrize(
    ("tiers", "bad", "labels"),
    [
        (((1,), (0, 2)), False, {"a": False, "b": True, "c": False}),
        (((1,), (0,), (2,)), False, {"b": True, "c": False}),
        (((1, 0), (2,)), True, {"a": False, "b": False, "c": False}),
        (((0, 1, 2),), False, {}),
        (((0, 1, 2),), True, {"a": False, "b": False, "c": False}),
    ],
)
def test_kto_takes_the_ends_of_a_ranking(
    tiers: tuple[tuple[int, ...], ...], bad: bool, labels: dict[str, bool], tmp_path: Path
) -> None:
    prompt = Prompt((Message("user", "x"),))
    ranking = Ranking(prompt, tuple(Completion(prompt, text) for text in "abc"), tiers, all_bad=bad)
    report = write_rankings(tmp_path / "kto.jsonl", [ranking], format="trl-kto")
    rows = [json.loads(line) for line in (tmp_path / "kto.jsonl").read_text().splitlines()]
    assert {row["completion"]: row["label"] for row in rows} == labels and len(rows) == len(labels)
    between = f"trl-kto cannot carry tiers between the best and the worst: {3 - len(labels)} answers dropped"
    assert (between in report.losses) == (len(labels) < 3)


def test_steps_of_trl_are_parted_by_line_breaks(tmp_path: Path) -> None:
    (found,) = read_steps(put(tmp_path / "s.jsonl", SHAPES["trl-stepwise"]))
    assert found.completion.text == "2 * 2 = 4.\nSo 8."
    assert found.steps == ("2 * 2 = 4.\n", "So 8.") and found.marks == ("correct", "incorrect")


def test_numbers_are_kept_when_they_are_asked_for(tmp_path: Path) -> None:
    """The same rows give an order as rankings and numbers as ratings; rows and records are counted apart."""
    scored = read_ratings(put(tmp_path / "scored.jsonl", SHAPES["scored-list"]))
    assert [(one.completion.by, one.value, one.source) for one in scored] == [
        ("m1", 0.1, "ai"),
        ("m2", 0.9, "ai"),
    ]
    assert scored.summary == "1 rows = 1 kept + 0 skipped (scored-list), 2 records"
    ultra = read_ratings(put(tmp_path / "ultra.jsonl", SHAPES["ultrafeedback"]))
    assert [(one.completion.by, one.aspect, one.value) for one in ultra] == [
        ("m1", "helpfulness", 2.0), ("m1", "honesty", 3.0), ("m2", "helpfulness", 5.0), ("m2", "honesty", 4.0),
        ("m3", "helpfulness", 4.5),
    ]  # fmt: skip
    steer = read_ratings(put(tmp_path / "steer.jsonl", SHAPES["helpsteer2"]))
    assert {one.aspect: one.value for one in steer} == {
        "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 1,
    }  # fmt: skip
    assert [one.value for one in read_ratings(put(tmp_path / "list.jsonl", SHAPES["rated-list"]))] == [1, 4.5]
    (said,) = read_completions(put(tmp_path / "out.jsonl", SHAPES["alpacaeval-outputs"]))
    assert (said.text, said.by) == ("y", "m")


def test_equal_numbers_tie_and_missing_ones_are_not_ranked(tmp_path: Path) -> None:
    answers = [
        {"text": text, "score": score} for text, score in zip("abcde", (1, 3, 1.0, None, 2), strict=True)
    ]
    (found,) = rank(tmp_path, {"prompt": "x", "completions": answers})
    assert (found.tiers, found.unranked) == (((1,), (4,), (0, 2)), (3,))


@pytest.mark.parametrize(
    ("winner", "tiers", "bad"),
    [
        ("model_a", ((0,), (1,)), False),
        ("tie", ((0, 1),), False),
        ("tie (bothbad)", ((0, 1),), True),
    ],
)
def test_a_tie_of_two_bad_answers_is_not_any_tie(
    winner: str, tiers: tuple[tuple[int, ...], ...], bad: bool, tmp_path: Path
) -> None:
    (found,) = rank(tmp_path, SHAPES["arena"] | {"winner": winner})
    assert (found.tiers, found.all_bad) == (tiers, bad)
    write_rankings(tmp_path / "again.jsonl", [found], format="arena")
    assert json.loads((tmp_path / "again.jsonl").read_text())["winner"].startswith(winner[:3])


@pytest.mark.parametrize(
    ("value", "tiers"),
    [(1, ((0,), (1,))), (2, ((1,), (0,))), (1.5, ((0, 1),)), (0, ((0, 1),)), (1.49, ((0,), (1,)))],
)
def test_verdicts_are_one_two_or_between(value: float, tiers: Any, tmp_path: Path) -> None:
    (found,) = rank(tmp_path, SHAPES["alpacaeval-verdicts"] | {"preference": value})
    assert found.tiers == tiers


@pytest.mark.parametrize(("value", "tiers"), [(-3, ((0,), (1,))), (0, ((0, 1),)), (1, ((1,), (0,)))])
def test_the_sign_of_helpsteer_tells_the_better_answer(value: int, tiers: Any, tmp_path: Path) -> None:
    (found,) = rank(tmp_path, SHAPES["helpsteer3"] | {"overall_preference": value})
    assert found.tiers == tiers


def test_a_tree_gives_each_persons_ranking(tmp_path: Path) -> None:
    one, other = rank(tmp_path, TREE)
    assert [answer.text for answer in one.completions] == [
        "Etna.",
        "The Rhine.",
    ]  # the deleted reply is left out
    assert (one.tiers, one.by, one.all_bad) == (((1,), (0,)), "u1", False)
    assert (other.tiers, other.by, other.all_bad) == (((0,), (1,)), "u3", True)
    (shown,) = read_demonstrations(tmp_path / "rows.jsonl")
    assert (shown.text, shown.by) == ("The Rhine.", "u2")
    alone = {key: value for key, value in TREE["prompt"].items() if key != "events"}
    rows = rank(tmp_path, TREE | {"prompt": alone})
    assert (rows[0].tiers, rows[0].by) == (((1,), (0,)), "") and "ranks of all together" in rows.warnings[0]


def test_a_tree_is_followed_to_its_leaves(tmp_path: Path) -> None:
    more = [leaf("d", "No.", 1), leaf("e", "The Po.", 0)]
    events = {"ranking": [ranked_by("u1", "e", "d")]}
    asked = {"message_id": "q", "role": "prompter", "text": "Another?", "replies": more, "events": events}
    deep = leaf("b", "The Rhine.", 0, replies=[asked])
    tree = TREE | {"prompt": TREE["prompt"] | {"replies": [leaf("a", "Etna.", 1), deep]}}
    rows = rank(tmp_path, tree)
    assert rows.summary == "1 rows = 1 kept + 0 skipped (oasst), 3 records"
    assert [turn.content for turn in rows[2].prompt.messages] == ["Name a river.", "The Rhine.", "Another?"]


def test_buckets_are_tiers_and_what_was_not_moved_is_not_ranked(tmp_path: Path) -> None:
    (found,) = rank(tmp_path, studio({"best": ["y"], "worst": ["x"], "_": [3]}))
    assert (found.tiers, found.unranked) == (((1,), (0,)), (2,))
    (tied,) = rank(tmp_path, studio({"best": ["y", 3], "good": [], "worst": ["x"]}))
    assert tied.tiers == ((1, 2), (0,))
    rows = rank(tmp_path, studio(["y", "x"]), studio(["x", "y"], was_cancelled=True))
    assert (len(rows), rows.summary) == (1, "2 rows = 2 kept + 0 skipped (label-studio), 1 records")


def test_argilla_keeps_its_ranks_both_ways(tmp_path: Path) -> None:
    """Its own SDK exports every ranking as the order of definition; so that export is refused, not believed."""
    with pytest.raises(RecordError, match=r"responses.order\[0\].value` holds names without ranks"):
        rank(tmp_path, argilla(["response-1", "response-2", "response-3"]))
    (found,) = rank(tmp_path, SHAPES["argilla"])
    write_rankings(tmp_path / "again.jsonl", [found], format="argilla")
    row = json.loads((tmp_path / "again.jsonl").read_text())
    assert [(one["value"], one["rank"]) for one in row["responses"]["ranking"][0]["value"]] == [
        ("response-1", 2), ("response-2", 1), ("response-3", 2),
    ]  # fmt: skip
    assert read_rankings(tmp_path / "again.jsonl").records == (found,)
    assert not rank(tmp_path, argilla([{"value": "response-1", "rank": 1}], status="draft")).records


def test_a_judgement_says_more_than_one_thing(tmp_path: Path) -> None:
    path = put(tmp_path / "rows.jsonl", SHAPES["concord-judgements"])
    (said,) = read_judgements(path)
    assert (said.guideline, said.revision, said.active_seconds, said.comment) == (3, 2, 38.2, "hm")
    assert (said.aspects, said.edits) == ({"true": {0: 1.0, 1: 5.0}}, {0: "Mount Etna.", 1: "The Rhone."})
    own, edit, best = read_rankings(path)
    assert (own.tiers, own.unranked, own.shown) == (((1,), (0,)), (2,), (2, 0, 1))
    assert [one.text for one in edit.completions] == ["Mount Etna.", "Etna."] and edit.tiers == ((0,), (1,))
    assert [one.text for one in best.completions] == ["The Rhone.", "The Rhine."]
    assert [(one.completion.text, one.value) for one in read_ratings(path)] == [
        ("Etna.", 1.0),
        ("The Rhine.", 5.0),
    ]
    assert [(one.text, one.by) for one in read_demonstrations(path)] == [("The Rhone.", "u1")]
    passed = SHAPES["concord-judgements"] | {
        "tiers": [],
        "unranked": [0, 1, 2],
        "skip": "I do not know",
        "edits": None,
    }
    assert read_judgements(put(tmp_path / "skip.jsonl", passed))[0].skip == "I do not know"
    assert not read_rankings(tmp_path / "skip.jsonl").records


def test_only_labels_become_labels(tmp_path: Path) -> None:
    ratings = read_ratings(put(tmp_path / "rows.jsonl", SHAPES["concord-ratings"]))
    report = write_ratings(tmp_path / "kto.jsonl", ratings, format="trl-kto")
    assert report.losses == ("trl-kto cannot carry numbers other than 0 and 1: 1 ratings dropped",)


def test_messages_in_a_list_or_bare(tmp_path: Path) -> None:
    bare = {"input": {"messages": [USER]}, "preferred_completion": RHINE, "non_preferred_completion": ETNA}
    (found,) = rank(tmp_path, bare)
    assert [one.text for one in found.completions] == BOTH
