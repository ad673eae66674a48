"""Files that are gone through record by record: the same records, the same complaints, little memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from concord.errors import RecordError
from concord.formats import (
    Passage,
    read_completions,
    read_prompts,
    read_rankings,
    write_completions,
    write_prompts,
)
from concord.formats.packing import pack
from concord.formats.seen import Seen
from concord.records import Completion, Message, Prompt, Stream
from concord.stages import inputs
from concord.stages.inputs import HeldOut, Source, known_or_seen


def pair(number: int, **changes: Any) -> dict[str, Any]:
    return {"prompt": f"question {number}", "chosen": "good", "rejected": "bad", **changes}


def put(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_passage_gives_what_reading_whole_gives(tmp_path: Path) -> None:
    path = put(tmp_path / "rows.jsonl", [pair(number % 7, chsen="x") for number in range(120)])
    passage = Passage(path, "rankings")
    records = tuple(passage)
    whole = read_rankings(path)
    assert records == whole.records and passage.warnings == whole.warnings
    assert len(passage.notes.prompts) == 1 and passage.notes.seen.count == 7


def test_a_passage_complains_at_its_end_in_the_same_words(tmp_path: Path) -> None:
    rows = [pair(number, **({"rejected": ""} if number % 2 else {})) for number in range(60)]
    path = put(tmp_path / "rows.jsonl", rows)
    with pytest.raises(RecordError) as whole:
        read_rankings(path)
    with pytest.raises(RecordError) as streamed:
        list(Passage(path, "rankings"))
    assert str(streamed.value) == str(whole.value)
    assert "30 of 60 rows cannot be read" in str(whole.value) and "... and 10 more." in str(whole.value)
    assert f"{path}:2: `rejected` is" in str(whole.value)


def test_one_id_is_one_dialogue_however_far_apart(tmp_path: Path) -> None:
    prompt = {"id": "p", "messages": [{"role": "user", "content": "a"}]}
    other = {"id": "p", "messages": [{"role": "user", "content": "b"}]}
    rows = [{"prompt": each, "completions": ["x", "y"], "tiers": [[0], [1]]} for each in (prompt, other)]
    between = [{**rows[0], "prompt": f"question {number}"} for number in range(200)]
    path = put(tmp_path / "rows.jsonl", [rows[0], *between, rows[1]])
    with pytest.raises(
        RecordError, match=r":202: `prompt.id` is \"p\"; line 1 has the same id, but other messages"
    ):
        list(Passage(path, "rankings"))
    twice = put(tmp_path / "twice.jsonl", [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}])
    (warning,) = read_prompts(twice).warnings
    assert warning == f"{twice}:3: the prompt stands in the file more than once"


def test_seen_remembers_the_first_of_each_of_many_names() -> None:
    seen = Seen()
    for number in range(5_000):
        assert seen.first(f"name {number}", number, number + 1) == (True, number + 1)
    for number in range(0, 5_000, 7):
        assert seen.first(f"name {number}", number, 9_999) == (True, number + 1)
        assert seen.first(f"name {number}", "other", 9_999) == (False, number + 1)
    assert seen.count == 5_000 and len(seen.names) == 8_192


def test_what_was_sound_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "rows.jsonl", [pair(number, chsen="x") for number in range(5)])
    held_out = HeldOut(put(tmp_path / "held_out.jsonl", [{"prompt": "QUESTION  3"}, {"prompt": "else"}]))
    source, looked = Source("rankings", path, "rankings", ("rank",)), inputs.look
    times = []

    def counted(*what: Any) -> Any:
        times.append(what)
        return looked(*what)

    monkeypatch.setattr(inputs, "look", counted)
    first = known_or_seen(source, held_out, tmp_path / "cache")
    assert first.count == 5 and len(first.warnings) == 1 and len(first.met) == 1
    assert "1 of 2 held-out prompts also stand in" in held_out.refusal(path, first.met)
    assert known_or_seen(source, held_out, tmp_path / "cache") == first and len(times) == 1
    (note,) = (tmp_path / "cache").iterdir()
    note.write_text(note.read_text().replace('"count": 5', '"count": 6'))  # damaged, so not believed
    assert known_or_seen(source, held_out, tmp_path / "cache") == first and len(times) == 2
    assert known_or_seen(source, None, tmp_path / "cache").met == [] and len(times) == 3
    put(path, [pair(number) for number in range(6)])
    assert known_or_seen(source, held_out, tmp_path / "cache").count == 6 and len(times) == 4


def test_a_choice_of_a_stream_has_a_name_of_its_own(tmp_path: Path) -> None:
    stream = Stream(lambda: iter(range(10)), "n", tmp_path)
    even, odd = stream.where(lambda one: one % 2 == 0, "even"), stream.where(lambda one: one % 2 == 1, "odd")
    assert list(even) == [0, 2, 4, 6, 8] == list(even) and list(odd) == [1, 3, 5, 7, 9]
    assert len({stream.name, even.name, odd.name}) == 3
    assert stream.where(bool, "even").name == even.name


def test_rows_are_a_sequence(tmp_path: Path) -> None:
    asked = Prompt((Message("user", "Name a river."),), "p1", ("fact",))
    write_prompts(tmp_path / "rows.jsonl", [asked])
    rows = read_prompts(tmp_path / "rows.jsonl")
    assert (rows[0], rows[-1:], list(rows), len(rows), asked in rows) == (asked, (asked,), [asked], 1, True)
    assert rows.summary == "1 rows = 1 kept + 0 skipped (concord-prompts)"


def test_completions_of_one_prompt_share_it(tmp_path: Path) -> None:
    asked = Prompt((Message("user", "Name a river."),), "p1", ("fact",))
    write_completions(tmp_path / "rows.jsonl", [Completion(asked, "a"), Completion(asked, "b")])
    one, other = read_completions(tmp_path / "rows.jsonl")
    assert one.prompt is other.prompt


FLAT = """
import resource, sys
from pathlib import Path
from concord.formats import Passage
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
passage = Passage(Path(sys.argv[1]), "rankings")
count = sum(1 for _ in passage)
print(count, passage.kept, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending", ["jsonl", "csv", *(pytest.param(one, marks=pytest.mark.long) for one in ("jsonl.gz", "json"))]
)
def test_many_rows_pass_in_flat_memory(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"
    pack(path, (f'{{"prompt": "q {n}", "chosen": "{n} a", "rejected": "b"}}' for n in range(150_000)))
    done = subprocess.run([sys.executable, "-c", FLAT, str(path)], capture_output=True, text=True, check=True)
    count, kept, megabytes = map(int, done.stdout.split())
    # The table of names holds 20 bytes a place, of which there are 2^18, and half as many more while it grows.
    assert count == kept == 150_000 and megabytes < 20
