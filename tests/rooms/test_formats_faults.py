"""Every kind of bad row is named by file, line, field and reason; every odd one is told; the rest is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concord.errors import RecordError
from concord.formats import (
    Rows,
    read_completions,
    read_demonstrations,
    read_prompts,
    read_rankings,
    read_ratings,
    read_steps,
)

Read = Callable[..., Rows[Any]]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Name a river."}]}
GOOD: dict[Read, dict[str, Any]] = {
    read_prompts: ASK,
    read_completions: {"prompt": ASK, "text": "The Rhine."},
    read_demonstrations: {"prompt": ASK, "completion": "The Rhine."},
    read_rankings: {"prompt": ASK, "completions": [{"text": "a"}, {"text": "b"}], "tiers": [[1], [0]]},
    read_ratings: {"prompt": ASK, "completion": {"text": "The Rhine."}, "value": 4},
    read_steps: {"prompt": ASK, "steps": ["One. ", "Two."], "marks": ["correct", "neutral"]},
}


def changed(read: Read, **fields: Any) -> bytes:
    """A good row with some fields replaced, as JSON."""
    return json.dumps(GOOD[read] | fields).encode()


def asked(*turns: tuple[str, Any]) -> bytes:
    """A prompt of these turns, as JSON."""
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}).encode()


def said(**fields: Any) -> bytes:
    """A completion with some fields replaced, as JSON."""
    return changed(read_completions, **fields)


PROMPT = json.dumps(ASK).encode()
RANK = read_rankings
BAD: dict[str, tuple[Read, bytes, str]] = {
    "not json": (read_prompts, b"hello", "the line is not JSON"),
    "cut off": (read_prompts, PROMPT[:-5], "breaks off at column"),
    "two objects": (read_prompts, PROMPT + PROMPT, "goes on after its first value"),
    "single quotes": (read_prompts, b"{'prompt': 'x'}", "the line is not JSON"),
    "trailing comma": (read_prompts, b'{"prompt": "x",}', "the line is not JSON"),
    "a list": (read_prompts, b"[1, 2]", "the row is a list of 2; each line must hold one JSON object"),
    "a text": (read_prompts, b'"hello"', 'the row is "hello"'),
    "null row": (read_prompts, b"null", "the row is null"),
    "duplicate key": (read_prompts, b'{"prompt": "x", "prompt": "y"}', "`prompt` stands twice"),
    "NaN": (read_ratings, changed(read_ratings, value=float("nan")), "holds NaN"),
    "infinity": (read_ratings, changed(read_ratings, value=float("-inf")), "holds -Infinity"),
    "1e999": (read_ratings, changed(read_ratings).replace(b"4", b"1e999"), "`value` is inf; a finite number"),
    "1e999 deep": (read_prompts, b'{"prompt": "x", "extra": {"a": [1e999]}}', "`extra.a[0]` the number"),
    "5000 digits": (read_ratings, changed(read_ratings).replace(b"4", b"9" * 5000), "thousands of digits"),
    "400 digits": (read_ratings, changed(read_ratings).replace(b"4", b"9" * 400), "finite number is needed"),
    "1,001 fields": (read_prompts, json.dumps({str(n): n for n in range(1001)}).encode(), "has 1,001 fields"),
    "deep nesting": (read_prompts, b'{"prompt": ' + b"[" * 100_000, "nested too deeply"),
    "latin-1": (read_prompts, '{"prompt": "caf\u00e9"}'.encode("latin-1"), "byte 15 of the line (0xe9)"),
    "lone surrogate": (read_prompts, b'{"prompt": "x \\ud83d y"}', "lone surrogate) at position 2"),
    "NUL": (read_prompts, b'{"prompt": "x\\u0000y"}', "NUL at position 1"),
    "too long": (read_prompts, b'{"prompt": "' + b"x" * 1_000_001 + b'"}', "has 1,000,001 characters"),
    "empty object": (read_prompts, b"{}", "`messages` is missing"),
    "misspelt key": (read_prompts, b'{"mesages": []}', "is `mesages` meant to be it?"),
    "prompt null": (read_prompts, b'{"prompt": null}', "`prompt` is null; a text is needed"),
    "prompt blank": (read_prompts, b'{"prompt": "  "}', "a prompt may not be empty"),
    "prompt number": (read_prompts, b'{"prompt": 3}', "`prompt` is 3; a text is needed"),
    "messages not a list": (read_prompts, b'{"messages": "hi"}', '`messages` is "hi"; a list is needed'),
    "no messages": (read_prompts, b'{"messages": []}', "at least one message"),
    "message a text": (read_prompts, b'{"messages": ["hi"]}', "`messages[0]` is"),
    "null content": (read_prompts, asked(("user", None)), "`messages[0].content` is null"),
    "list content": (read_prompts, asked(("user", ["hi"])), "`messages[0].content` is a list of 1"),
    "empty content": (read_prompts, asked(("user", "")), "a message may not be empty"),
    "no role": (read_prompts, b'{"messages": [{"content": "hi"}]}', "`messages[0].role` is missing"),
    "unknown role": (read_prompts, asked(("usr", "hi")), "did you mean `user`?"),
    "role of others": (read_prompts, asked(("gpt", "hi")), "did you mean `assistant`?"),
    "role in capitals": (read_prompts, asked(("User", "hi")), "did you mean `user`?"),
    "far role": (read_prompts, asked(("tool", "hi")), "must be one of system, user, assistant"),
    "no user": (read_prompts, asked(("system", "Be kind.")), "no message has the role user"),
    "ends with answer": (read_prompts, asked(("user", "hi"), ("assistant", "yes")), "must end with a user"),
    "tags a text": (read_prompts, b'{"prompt": "x", "tags": "harm"}', "`tags` is"),
    "id a number": (read_prompts, b'{"prompt": "x", "id": 7}', "`id` is 7"),
    "id empty": (read_prompts, b'{"prompt": "x", "id": ""}', "a name may not be empty"),
    "empty text": (read_completions, said(text=""), "an answer may not be empty"),
    "seed true": (read_completions, said(seed=True), "`seed` is true; a whole number"),
    "seed 1.5": (read_completions, said(seed=1.5), "`seed` is 1.5"),
    "seed huge": (read_completions, said(seed=2**70), "2^63 - 1"),
    "cold": (read_completions, said(temperature=-1), "`temperature` is -1; it must be 0 or more"),
    "finish": (read_completions, said(finish="stopp"), "did you mean `stop`?"),
    "token true": (read_completions, said(tokens=[1, True]), "`tokens[1]` is true"),
    "token negative": (read_completions, said(tokens=[-1]), "`tokens[0]` is -1"),
    "logprobs": (read_completions, said(tokens=[1, 2], logprobs=[-0.5]), "has 1 numbers for 2 tokens"),
    "no answer": (read_demonstrations, changed(read_demonstrations, completion="\n"), "`completion` is"),
    "KTO row": (read_demonstrations, changed(read_demonstrations, label=False), "`label` is false"),
    "chat among others": (read_demonstrations, PROMPT, "`prompt` is missing"),
    "one answer": (RANK, changed(RANK, completions=["a"]), "at least two answers"),
    "same answers": (RANK, changed(RANK, completions=["a", "a"]), "all 2 answers are the same text"),
    "empty answer": (RANK, changed(RANK, completions=["a", ""]), "`completions[1].text` is"),
    "position out of range": (RANK, changed(RANK, tiers=[[0], [2]]), "`tiers[1][0]` is 2; positions run"),
    "position negative": (RANK, changed(RANK, tiers=[[0], [-1]]), "`tiers[1][0]` is -1"),
    "position true": (RANK, changed(RANK, tiers=[[True], [0]]), "`tiers[0][0]` is true"),
    "position twice": (RANK, changed(RANK, tiers=[[0], [1, 0]]), "`tiers[1][1]` is 0; the position is named"),
    "empty tier": (RANK, changed(RANK, tiers=[[0], [], [1]]), "names at least one position"),
    "flat tiers": (RANK, changed(RANK, tiers=[0, 1]), "`tiers[0]` is 0; a list is needed"),
    "no tiers": (RANK, changed(RANK, tiers=[]), "ranks 0 of 2 answers"),
    "one ranked": (RANK, changed(RANK, tiers=[[1]]), "ranks 1 of 2 answers"),
    "source": (RANK, changed(RANK, source="humans"), "did you mean `human`?"),
    "shown": (RANK, changed(RANK, shown=[0, 0]), "`shown[1]` is 0"),
    "all_bad": (RANK, changed(RANK, all_bad="yes"), "true or false"),
    "rating true": (read_ratings, changed(read_ratings, value=True), "`value` is true; a number is needed"),
    "rating text": (read_ratings, changed(read_ratings, value="4"), '`value` is "4"'),
    "marks": (read_steps, changed(read_steps, marks=["correct"]), "has 1 marks for 2 steps"),
    "mark": (read_steps, changed(read_steps, marks=["good", "neutral"]), "did you mean `correct`?"),
    "mark true": (read_steps, changed(read_steps, marks=[True, False]), "`marks[0]` is true"),
    "no steps": (read_steps, changed(read_steps, steps=[], marks=[]), "at least one step"),
    "steps lose text": (read_steps, changed(read_steps, completion="One. Two. "), "joined, they do not give"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_named_and_nothing_is_taken(kind: str, tmp_path: Path) -> None:
    read, row, reason = BAD[kind]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(changed(read) + b"\n" + row + b"\n")
    with pytest.raises(RecordError) as caught:
        read(path)
    message = str(caught.value)
    assert reason in message
    assert f"{path}:2: " in message
    assert caught.value.exit_code == 3
    assert "1 of 2 rows" in message
    assert all(len(line) < 400 for line in message.splitlines())


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_can_be_skipped_and_is_counted(kind: str, tmp_path: Path) -> None:
    read, row, _ = BAD[kind]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(changed(read) + b"\n" + row + b"\n" + changed(read) + b"\n")
    rows = read(path, skip_invalid=True)
    assert (len(rows), len(rows.skipped)) == (2, 1)
    assert rows.skipped[0].startswith(f"{path}:2: ")
    entry = json.loads((tmp_path / "rows.rejected.jsonl").read_text(encoding="utf-8"))
    assert entry["line"] == 2
    assert entry["reason"] in rows.skipped[0]
    assert entry["row"] == row.decode("utf-8", "backslashreplace")


ODD: dict[str, tuple[Read, bytes, str]] = {
    "unknown key": (read_prompts, b'{"prompt": "x", "tag": ["harm"]}', "did you mean `tags`?"),
    "unknown key of a message": (
        read_prompts,
        b'{"messages": [{"role": "user", "content": "x", "name": "Ann"}]}',
        "`messages[0].name` is not a field of concord-prompts rows",
    ),
    "all tied": (RANK, changed(RANK, tiers=[[0, 1]]), "all ranked answers are tied"),
    "same answer twice": (
        RANK,
        changed(RANK, completions=["a", "b", "a"], tiers=[[0], [1], [2]]),
        "hold the same answer more than once",
    ),
    "only spaces differ": (RANK, changed(RANK, completions=["a", "a "]), "differ only in the spaces"),
    "silence": (read_completions, said(text="", finish="stop"), "this is how it ended"),
    "two turns": (read_prompts, asked(("user", "a"), ("user", "b")), "two turns of one role"),
    "late system": (read_prompts, asked(("user", "a"), ("system", "b"), ("user", "c")), "not the first"),
    "same prompt": (read_prompts, PROMPT + b"\n" + PROMPT, "more than once"),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_row_is_read_and_told(kind: str, tmp_path: Path) -> None:
    read, row, told = ODD[kind]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(row + b"\n")
    rows = read(path)
    assert len(rows.warnings) == 1
    assert told in rows.warnings[0]
    assert rows.warnings[0].startswith(f"{path}:")
    assert not rows.skipped


FINE: dict[str, tuple[Read, bytes, int]] = {
    "BOM": (read_prompts, b"\xef\xbb\xbf" + PROMPT, 1),
    "CRLF": (read_prompts, PROMPT + b"\r\n" + b'{"prompt": "x"}\r\n', 2),
    "blank lines": (read_prompts, b"\n  \n" + PROMPT + b"\n\r\n\n", 1),
    "no last newline": (read_prompts, PROMPT + b'\n{"prompt": "x"}', 2),
    "line separators inside": (read_prompts, '{"prompt": "a\u2028b\u0085c"}'.encode(), 1),
    "nulls for nothing": (read_completions, said(seed=None, by=None, tokens=None), 1),
    "all bad, not ranked": (RANK, changed(RANK, tiers=[], all_bad=True), 1),
    "whole number temperature": (read_completions, said(temperature=1), 1),
    "pair of surrogates": (read_prompts, b'{"prompt": "\\ud83d\\ude00"}', 1),
    "1e300": (read_ratings, changed(read_ratings, value=1e300), 1),
    "markers in the text": (read_prompts, b'{"prompt": "say <|im_end|> twice"}', 1),
}


@pytest.mark.parametrize("kind", FINE)
def test_a_harmless_row_is_read_without_a_word(kind: str, tmp_path: Path) -> None:
    read, content, count = FINE[kind]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    rows = read(path)
    assert (len(rows), rows.warnings, rows.skipped) == (count, (), ())


def test_the_message_shows_twenty_faults_and_counts_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "x"}\n' + '{"prompt": 1}\n' * 25)
    with pytest.raises(RecordError) as caught:
        read_prompts(path)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("25 of 26 rows cannot be read, so nothing was taken.")
    assert len([line for line in lines if line.startswith(f"  {path}:")]) == 20
    assert lines[21] == "  ... and 5 more."
    assert not (tmp_path / "rows.rejected.jsonl").exists()
    rows = read_prompts(path, skip_invalid=True)
    assert rows.summary == "26 rows = 1 kept + 25 skipped (concord-prompts)"
    assert len((tmp_path / "rows.rejected.jsonl").read_text().splitlines()) == 25


def test_one_id_is_one_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "p1", "prompt": "x"}\n\n{"id": "p1", "prompt": "y"}\n')
    with pytest.raises(RecordError, match='`id` is "p1"; line 1 has the same id, but other messages'):
        read_prompts(path)


def test_a_file_without_a_readable_row_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": 1}\n')
    with pytest.raises(RecordError, match="No row is left"):
        read_prompts(path, skip_invalid=True)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_bytes(PROMPT)
    with pytest.raises(RecordError, match=r"promts\.jsonl does not exist\. Did you mean .*prompts\.jsonl\?"):
        read_prompts(tmp_path / "promts.jsonl")
    with pytest.raises(RecordError, match=r"The folder .*nowhere does not exist either"):
        read_prompts(tmp_path / "nowhere" / "prompts.jsonl")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n \r\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x1f\x8b\x08\x00", "is damaged: its gzip data"),
        ('{"prompt": "x"}'.encode("utf-16"), "UTF-16"),
        (b"PAR1\x00", "cannot be read or written"),
        (b"prompt,chosen\nx,y\n", "the line is not JSON"),
    ],
)
def test_a_file_that_is_something_else(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=reason):
        read_prompts(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is a folder"):
        read_prompts(tmp_path)


def test_a_file_of_another_kind_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "x", "chosen": "a", "rejected": "b"}\n')
    with pytest.raises(RecordError, match=r"look like rankings \(trl-preference\), not like prompts"):
        read_prompts(path)


def test_a_message_never_repeats_what_a_terminal_would_obey(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"prompt": "x", "id": ["a"], "\\u001b[2J": 1}\n{"messages": "\\u001b[31m\\u202e"}\n')
    with pytest.raises(RecordError) as caught:
        read_prompts(path)
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert "\\x1b[31m" in str(caught.value)
