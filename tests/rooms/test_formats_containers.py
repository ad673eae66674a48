"""Whatever rows are packed in, they are the same rows; and what is packed to do harm is refused."""

import contextlib
import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pytest
from tests.rooms import shapes

from concord.errors import RecordError
from concord.formats import (
    FORMATS,
    Caps,
    Passage,
    read_demonstrations,
    read_prompts,
    read_rankings,
    write_demonstrations,
    write_rankings,
)
from concord.formats.containers import stem
from concord.formats.reading import read
from concord.formats.sheets import as_written, harmless
from concord.formats.writing import write
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, prompt_key

ENDINGS = ["jsonl", "jsonl.gz", "json", "csv", "parquet"]
FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "'=1", "''", "\t=1", "\uff1d1", "plain", "a=b", "'tis"]


def asked(text: str) -> Prompt:
    """A prompt of one message, named as readers name it."""
    messages = (Message("user", text),)
    return Prompt(messages, prompt_key(messages), ("kind, odd",))


def some_rankings() -> list[Ranking]:
    """Rankings whose texts are hard on every container: line breaks, quotes, separators, formulas, wide signs."""
    found = []
    for number, text in enumerate(
        [*FORMULAS, 'a,b;"c"\n\r\nd', "\u2028\u0085\ud55c\U0001f600", "x" * 70_000]
    ):
        prompt = asked(f"{text} {number}?")
        answers = (
            Completion(prompt, text),
            Completion(prompt, "No."),
            Completion(prompt, "Yes.", by="p", seed=number),
        )
        found.append(
            Ranking(prompt, answers, ((1,), (0, 2)), by="=eva" if number % 2 else "", all_bad=number == 3)
        )
    return found


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_are_the_same_in_every_container(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path, again = tmp_path / f"rows.{ending}", tmp_path / f"again.{ending}"
    write_rankings(path, some_rankings())
    assert list(read_rankings(path)) == some_rankings()
    write_rankings(again, read_rankings(path))
    assert path.read_bytes() == again.read_bytes()
    assert stem(path) == "rows" and sorted(one.name for one in tmp_path.iterdir()) == [again.name, path.name]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_of_every_format_fit_into_tables(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path, plain = tmp_path / f"rows.{ending}", tmp_path / "rows.jsonl"
    for name, one in FORMATS.items():
        if one.read:
            plain.write_text(json.dumps(shapes.SHAPES[name]) + "\n", encoding="utf-8")
            records = read(plain, one.kind, False).records
            format = name if one.write else f"concord-{one.kind}"
            assert write(path, records, one.kind, format) == write(plain, records, one.kind, format)
            assert read(path, one.kind, False).records == read(plain, one.kind, False).records, name


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_container_without_rows_is_empty(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    write_rankings(tmp_path / f"rows.{ending}", [])
    with pytest.raises(RecordError, match="is empty"):
        read_rankings(tmp_path / f"rows.{ending}")


@pytest.mark.parametrize("text", FORMULAS)
def test_s11_no_cell_is_a_formula_and_every_text_comes_back(text: str, tmp_path: Path) -> None:
    cell = harmless(text)
    assert cell[0] not in "=+-@\t\r\n\uff1d" and as_written(cell) == text
    assert (cell == text) == (text in ("plain", "a=b"))
    assert as_written("'tis") == "'tis", "an apostrophe of a foreign file stays where no formula follows"


@pytest.mark.parametrize("text", ["a\rb", "x\r", "a\r\nb\r", "a\nb", "x\x0b\x85\u2028y", '"\r"'])
def test_every_end_of_line_comes_back_from_a_table(text: str, tmp_path: Path) -> None:
    prompt = Prompt((Message("user", "q"),), "q")
    shown = [Demonstration(prompt, text), Demonstration(prompt, "plain")]
    write_demonstrations(tmp_path / "d.csv", shown)
    assert [one.text for one in read_demonstrations(tmp_path / "d.csv")] == [text, "plain"]


def test_chances_come_back_from_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    prompt = Prompt((Message("user", "q"),), "q")
    both = (Completion(prompt, "a"), Completion(prompt, "b"))
    write_rankings(tmp_path / "r.parquet", [Ranking(prompt, both, ((0,), (1,)), chances=((0, 1, 0.83),))])
    assert [one.chances for one in read_rankings(tmp_path / "r.parquet")] == [((0, 1, 0.83),)]


def test_s10_a_row_of_a_table_has_a_bound(tmp_path: Path) -> None:
    """Before it is read: a line of a gigabyte would else stand in memory before anybody looks at its length."""
    path = tmp_path / "rows.csv"
    path.write_text("prompt\nshort\n" + "x" * 5000 + "\n")
    with pytest.raises(RecordError, match=r"rows\.csv:3: the row has more than 1,000 characters"):
        list(Passage(path, "prompts", caps=Caps(row=1000)))


def test_a_table_of_tabs_is_read_but_not_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"\.tsv is read but not written"):
        write_demonstrations(tmp_path / "d.tsv", [])
    assert not list(tmp_path.iterdir())


def test_csv_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffprompt;completion\r\na, b;"two\r\nlines; ""quoted"""\r\n\r\n\'-1;+2\r\n'.encode())
    one, other = read_demonstrations(path)
    assert one.prompt.messages[0].content == "a, b" and one.text == 'two\r\nlines; "quoted"'
    assert (other.prompt.messages[0].content, other.text) == ("-1", "+2")
    path = tmp_path / "rows.tsv"
    path.write_bytes(b"prompt\tid\tcompletion\nx\t\ty\n")
    assert read_demonstrations(path)[0].text == "y"


BAD_CSV = {
    "cells": (b"prompt,completion\na,b\nc\n", ":3: the row has 1 cells for 2 columns"),
    "more cells": (b"prompt,completion\na,b\nc,d,e\n", ":3: the row has 3 cells for 2 columns"),
    "bytes": (b"prompt,completion\na,b\nc,\xe9\n", ":3: `completion` holds the byte 0xe9"),
    "json inside": (
        b'prompt,by:json,completion\na,"""x""",b\nc,"[1",d\n',
        ":3: `by:json` the JSON breaks off",
    ),
    "quote": (b'prompt,completion\na,b\n"c"d,e\n', ":3: the line is not CSV"),
    "open quote": (b'prompt,completion\na,b\n"c,d\n', ":3: the line is not CSV"),
    "empty": (b"prompt,completion\na,b\nc,\n", ":3: `completion` is missing"),
    "two names": (b"prompt,prompt:json\na,1\n", ':1: two columns are called "prompt"'),
    "utf-16": ("prompt,completion\na,b\n".encode("utf-16"), "UTF-16"),
}


@pytest.mark.parametrize("kind", BAD_CSV)
def test_a_bad_table_is_named(kind: str, tmp_path: Path) -> None:
    content, reason = BAD_CSV[kind]
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(RecordError) as caught:
        read_demonstrations(tmp_path / "rows.csv")
    assert reason in str(caught.value)


ARRAYS = {
    "plain": (b'[{"prompt": "a"}, {"prompt": "b"}]', ["a", "b"]),
    "spread": (
        b'\xef\xbb\xbf \n[\n {"prompt": "a],[{"\n },\n {"prompt":\n "b\\"]\\\\"}\n]\n',
        ["a],[{", 'b"]\\'],
    ),
    "one": (b'[{"prompt": "a"}]', ["a"]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_read_element_by_element(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, texts = ARRAYS[kind]
    (tmp_path / "rows.json").write_bytes(content)
    for chunk in (1, 2, 3, 7, 2**16):  # wherever a chunk ends
        monkeypatch.setattr("concord.formats.arrays.CHUNK", chunk)
        found = read_prompts(tmp_path / "rows.json")
        assert [one.messages[0].content for one in found] == texts


BAD_ARRAYS = {
    "broken element": (b'[{"prompt": "a"}, {"prompt": b}, {"prompt": "c"}]', ":2: the line is not JSON"),
    "broken off": (b'[{"prompt": "a"}, {"prompt": "b"', ":2: the JSON breaks off"),
    "never closed": (b'[{"prompt": "a"}, {"prompt": "b"}', ":2: the array breaks off after this element"),
    "comma at the end": (b'[{"prompt": "a"}, ]', ":2: the JSON breaks off"),
    "goes on": (b'[{"prompt": "a"}]\n{"prompt": "b"}\n', "goes on after the end of its JSON array"),
    "no objects": (b'[{"prompt": "a"}, 3]', ":2: the row is 3"),
    "far too long": (
        b'[{"prompt": "a"}, {"prompt": "' + b"x" * 300 + b'"}]',
        ":2: the line has more than 200 bytes",
    ),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_a_bad_array_is_named(kind: str, tmp_path: Path) -> None:
    content, reason = BAD_ARRAYS[kind]
    (tmp_path / "rows.json").write_bytes(content)
    with pytest.raises(RecordError) as caught:
        list(Passage(tmp_path / "rows.json", "prompts", caps=Caps(row=200)))
    assert reason in str(caught.value)


def test_s10_a_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 MB of one letter in 130 kB: as one line, and inside an array."""
    monkeypatch.setattr("concord.formats.containers.UNPACKED_ANYWAY", 2**20)
    whole = b'{"prompt": "' + b"x" * 30_000_000
    for name, content in (("one.jsonl.gz", whole), ("array.json.gz", b"[" + whole)):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content, 1))
        assert path.stat().st_size < len(content) / 200
        tracemalloc.start()
        with pytest.raises(RecordError, match=f"{name} unpacks to more than 20 times its size"):
            list(Passage(path, "prompts", caps=Caps(ratio=20)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 2**20, "a few times what may be unpacked, never the file"


def test_s10_caps_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a"}\n' * 5)
    with pytest.raises(RecordError, match="has more than 4 rows"):
        list(Passage(path, "prompts", caps=Caps(rows=4)))
    assert len(list(Passage(path, "prompts", caps=Caps(rows=5)))) == 5
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(RecordError, match="unpacks to more than 40 bytes"):
        list(Passage(packed, "prompts", caps=Caps(size=40)))


BAD_FILES = {
    "cut.jsonl.gz": (gzip.compress(b'{"prompt": "a"}\n' * 1000)[:-20], "is damaged: its gzip data"),
    "flipped.jsonl.gz": (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "is damaged: its gzip data"),
    "twice.jsonl.gz": (
        gzip.compress(gzip.compress(b'{"prompt": "a"}\n')),
        "holds another packed file inside",
    ),
    "data.zip": (b"PK\x03\x04" + b"\0" * 40, "is an archive that is not read"),
    "data.zst": (b"\x28\xb5\x2f\xfd" + b"\0" * 40, "is an archive that is not read"),
    "data.parquet": (b"PAR1" + b"\0" * 40, "cannot be read or written"),
    "empty.csv": (b"", "is empty"),
    "only_names.csv": (b"prompt,completion\n", "is empty"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    content, reason = BAD_FILES[name]
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordError, match=reason) as caught:
        read_demonstrations(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_damage_anywhere_is_told_or_passes_but_never_stumbles(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path, spoilt = tmp_path / f"rows.{ending}", tmp_path / f"spoilt.{ending}"
    write_rankings(path, some_rankings()[:-1])
    whole, chance = path.read_bytes(), random.Random(1)
    for _ in range(25):
        content = bytearray(whole)
        content[chance.randrange(len(whole))] ^= chance.randrange(1, 256)
        spoilt.write_bytes(content[: chance.choice([len(whole), chance.randrange(len(whole))])])
        with contextlib.suppress(RecordError):
            assert read_rankings(spoilt, skip_invalid=True)


def test_several_members_of_one_gzip_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(
        gzip.compress(b'{"prompt": "a"}\n') + gzip.compress(b'{"prompt": "b"}\n')
    )
    assert len(read_prompts(tmp_path / "rows.jsonl.gz")) == 2
