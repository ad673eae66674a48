"""Rows of other tools are read as what they mean, by hand-made examples of each shape."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.shapes import ETNA, HELLO, RHINE, SHAPES, TRANSCRIPT, USER

from concord.errors import RecordError
from concord.formats import (
    FORMATS,
    Guess,
    Rows,
    read_demonstrations,
    read_prompts,
    read_rankings,
    sniff,
    write_rankings,
)
from concord.records import Completion, Message, Prompt, Ranking, prompt_key


def read(path: Path, *rows: Any) -> Rows[Ranking]:
    """Read rows as rankings."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_rankings(path)


def test_every_shape_is_recognised() -> None:
    assert {name: sniff([row]) for name, row in SHAPES.items()} == {
        name: Guess(name, 1.0) for name in FORMATS
    }


def test_one_broken_row_does_not_hide_the_shape_of_the_others() -> None:
    for name, row in SHAPES.items():
        assert sniff([{}, "text", {"prompt": 3}, row, row]) == Guess(name, 0.4)


@pytest.mark.parametrize(
    ("name", "prompt", "better", "worse"),
    [
        ("trl-preference", ["x"], "a", "b"),
        ("trl-preference-chat", ["Name a river."], "The Rhine.", "Etna."),
        ("trl-preference-implicit", ["The sky is"], " blue.", " green."),
        ("trl-preference-chat-implicit", ["Name a river."], "The Rhine.", "Etna."),
        ("hh", ["Hello", "Hello!", "Name a river."], "a", "b"),
    ],
)
def test_a_preference_is_a_ranking_of_two(
    name: str, prompt: list[str], better: str, worse: str, tmp_path: Path
) -> None:
    rows = read(tmp_path / "rows.jsonl", SHAPES[name])
    (ranking,) = rows
    roles = ("user", "assistant", "user")
    messages = tuple(Message(role, text) for role, text in zip(roles, prompt, strict=False))  # type: ignore[arg-type]
    expected = Prompt(messages, prompt_key(messages))
    answers = (Completion(expected, better), Completion(expected, worse))
    assert ranking == Ranking(expected, answers, ((0,), (1,)), source="human")
    assert (rows.format, rows.warnings) == (name, ())


def test_an_implicit_prompt_never_ends_inside_a_word(tmp_path: Path) -> None:
    (ranking,) = read(tmp_path / "rows.jsonl", {"chosen": "It is blue.", "rejected": "It is black."})
    assert ranking.prompt.messages[0].content == "It is"
    assert [answer.text for answer in ranking.completions] == [" blue.", " black."]


def test_hh_is_cut_where_both_transcripts_agree(tmp_path: Path) -> None:
    """The trap: cut at its own last mark, each transcript would have another prompt."""
    row = {
        "chosen": "\n\nHuman: Rivers?\n\nAssistant: The Rhine.\n\nAssistant: And the Po.",
        "rejected": "\n\nHuman: Rivers?\n\nAssistant: No.",
    }
    rows = read(tmp_path / "rows.jsonl", row)
    assert rows[0].prompt.messages == (Message("user", "Rivers?"),)
    assert [answer.text for answer in rows[0].completions] == ["The Rhine.\n\nAssistant: And the Po.", "No."]
    assert "begins with Assistant:" in rows.warnings[0]


def test_hh_answers_that_begin_alike_stay_whole(tmp_path: Path) -> None:
    row = {"chosen": f"{TRANSCRIPT} The Rhine is one.", "rejected": f"{TRANSCRIPT} The Rhino."}
    (ranking,) = read(tmp_path / "rows.jsonl", row)
    assert [answer.text for answer in ranking.completions] == ["The Rhine is one.", "The Rhino."]


def test_hh_silence_is_read_and_stays_readable(tmp_path: Path) -> None:
    rows = read(tmp_path / "rows.jsonl", {"chosen": f"{TRANSCRIPT} a", "rejected": TRANSCRIPT})
    assert rows[0].completions[1] == Completion(rows[0].prompt, "", finish="stop")
    assert "an answer is empty" in rows.warnings[0]
    write_rankings(tmp_path / "own.jsonl", rows)
    assert read_rankings(tmp_path / "own.jsonl").records == rows.records


@pytest.mark.parametrize("trait", ["spaces  ", " leading", "tab\t", "line\nbreak", "Human: x", "ends\n\n"])
def test_hh_texts_are_kept_to_the_letter(trait: str, tmp_path: Path) -> None:
    row = {
        "chosen": f"\n\nHuman: {trait}\n\nAssistant: {trait}",
        "rejected": f"\n\nHuman: {trait}\n\nAssistant: -",
    }
    rows = read(tmp_path / "rows.jsonl", row)
    assert rows[0].prompt.messages[0].content == trait
    assert rows[0].completions[0].text == trait
    write_rankings(tmp_path / "again.jsonl", rows, format="hh")
    assert json.loads((tmp_path / "again.jsonl").read_text()) == row


BAD_PAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "no rejected": ({"prompt": "x", "chosen": "a"}, "`rejected` is missing"),
    "null chosen": ({"prompt": "x", "chosen": None, "rejected": "b"}, "`chosen` is null; a text is needed"),
    "equal": ({"prompt": "x", "chosen": "a", "rejected": "a"}, "all 2 answers are the same text"),
    "blank": ({"prompt": "x", "chosen": " ", "rejected": "a"}, "an answer may not be empty"),
    "no common start": ({"chosen": "Yes.", "rejected": "No."}, "have no common beginning"),
    "equal whole texts": ({"chosen": "a b", "rejected": "a b"}, "are the same text"),
    "user answers": (
        {"prompt": [USER], "chosen": [USER], "rejected": [ETNA]},
        "an answer is the assistant's",
    ),
    "two turns": ({"prompt": [USER], "chosen": [RHINE, RHINE], "rejected": [ETNA]}, "holds 2 messages"),
    "answered prompt": (
        {"prompt": [USER, RHINE], "chosen": [RHINE], "rejected": [ETNA]},
        "must end with a user",
    ),
    "other prompts": (
        {"chosen": [USER, RHINE], "rejected": [*HELLO, USER, ETNA]},
        "must be the shared turns",
    ),
    "equal dialogues": ({"chosen": [USER, RHINE], "rejected": [USER, RHINE]}, "are the same dialogue"),
    "hh: parts too early": (
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: b"},
        "share no part that ends with an Assistant's turn",
    ),
    "hh: goes on": (
        {"chosen": f"{TRANSCRIPT} a\n\nHuman: b\n\nAssistant: c", "rejected": f"{TRANSCRIPT} d"},
        "goes on with another Human turn",
    ),
    "hh: empty turn": (
        {"chosen": "\n\nHuman: \n\nAssistant: a", "rejected": "\n\nHuman: \n\nAssistant: b"},
        "turn 1 of the transcript is empty",
    ),
    "hh: equal": ({"chosen": f"{TRANSCRIPT} a", "rejected": f"{TRANSCRIPT} a"}, "all 2 answers are the same"),
}


@pytest.mark.parametrize("kind", BAD_PAIRS)
def test_a_bad_pair_is_named(kind: str, tmp_path: Path) -> None:
    row, reason = BAD_PAIRS[kind]
    with pytest.raises(RecordError) as caught:
        read(tmp_path / "rows.jsonl", row)
    assert reason in str(caught.value)
    assert "rows.jsonl:1: " in str(caught.value)


def test_a_row_of_text_among_rows_of_chat_is_an_error(tmp_path: Path) -> None:
    chat = SHAPES["trl-preference-chat"]
    with pytest.raises(RecordError, match=r"rows\.jsonl:3: `prompt` is \"x\"; a list is needed"):
        read(tmp_path / "rows.jsonl", chat, chat, SHAPES["trl-preference"])


def test_columns_that_are_not_read_are_told_once(tmp_path: Path) -> None:
    row = SHAPES["trl-preference"] | {"margin": 0.5}
    (warning,) = read(tmp_path / "rows.jsonl", row, row).warnings
    assert "`margin` is not a field of trl-preference rows and was not read" in warning
    assert "(2 times in the file)" in warning


def test_the_last_turn_of_a_chat_is_the_demonstration(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        json.dumps({"messages": [{"role": "system", "content": "Be kind."}, *HELLO, USER, RHINE]})
    )
    (shown,) = read_demonstrations(path)
    assert [message.content for message in shown.prompt.messages] == [
        "Be kind.",
        "Hello",
        "Hello!",
        "Name a river.",
    ]
    assert shown.text == "The Rhine."


def test_prompts_and_demonstrations_of_trl(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(SHAPES["trl-prompts"]))
    assert read_prompts(path)[0].messages == (Message("user", "Name a river."),)
    path.write_text(json.dumps(SHAPES["trl-prompt-completion"]))
    assert read_demonstrations(path)[0].text == "The Rhine."
    path.write_text(json.dumps({"prompt": "The sky is", "completion": " blue."}))
    assert read_demonstrations(path)[0].text == " blue."
