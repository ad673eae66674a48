"""Making data: templates, pools and choices, each row accounted for."""

import importlib.util
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from concord import formats
from concord.cli.main import main
from concord.errors import RecordError, SettingsError, StoreError
from concord.making.choice import best_places, best_share, pieces_of
from concord.making.likeness import rouge_l, words
from concord.making.pool import Growth, grow, rarest
from concord.making.templates import expand, put, read_table, read_templates
from concord.records import Completion, Demonstration, Prompt

SPEC = importlib.util.spec_from_file_location("families", Path(__file__).parent / "families.py")
families: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(families)
asked = families.asked

TEMPLATES = """# two tasks
- prompt: "Translate {text} into {language}."
  completion: "{translation}"
  tags: [translation, "{language}"]
- system: Be brief, {{always}}.
  prompt: |
    In which language is this?
    {text}
  completion: "{language}"
"""
TABLE = """text,language,translation
good day,French,bonjour
"hello, sir",French,"bonjour,
monsieur"
good day,German,
Good  DAY,French,Bonjour
{text},French,salut
"""


def files(
    folder: Path, templates: str = TEMPLATES, table: str = TABLE, name: str = "rows.csv"
) -> tuple[Path, Path]:
    (folder / "t.yaml").write_text(templates, encoding="utf-8")
    (folder / name).write_text(table, encoding="utf-8")
    return folder / "t.yaml", folder / name


def test_t4_template_times_rows(tmp_path: Path) -> None:
    """Every template with every row; an empty slot and a repetition are named by file and line and left out."""
    template, table = files(tmp_path)
    templates = read_templates(template)
    found = expand(templates, read_table(table, templates))
    made = [(one.record.prompt.messages[-1].content, one.record.text) for one in found.items]
    language = "In which language is this?\n"
    assert made == [
        ("Translate good day into French.", "bonjour"),
        (f"{language}good day", "French"),
        ("Translate hello, sir into French.", "bonjour,\nmonsieur"),
        (f"{language}hello, sir", "French"),
        (f"{language}good day", "German"),
        ("Translate {text} into French.", "salut"),
        (f"{language}{{text}}", "French"),
    ]
    assert found.items[0].record.prompt.tags == ("translation", "French")
    assert found.items[1].record.prompt.messages[0].content == "Be brief, {always}."
    assert found.faults == [f"{table}:5: `translation` is empty, which {template}:2 needs"]
    assert found.repeats == [
        f"{table}:6: with {template}:2 it says what {table}:2 said",
        f"{table}:6: with {template}:5 it says what {table}:2 said",
    ]


def test_t4_rows_of_json_are_rows(tmp_path: Path) -> None:
    """Numbers are text; a template of one mapping; prompts where nothing answers."""
    template, table = files(
        tmp_path,
        'prompt: "What is {a} and {b}?"\n',
        '{"a": 1, "b": "two"}\n\n{"a": 3, "b": 4.5}\n',
        "r.jsonl",
    )
    assert main(["make", "template", str(template), str(table), "--out", str(tmp_path / "p.jsonl")]) == 0
    found = formats.read_prompts(tmp_path / "p.jsonl").records
    assert [one.messages[0].content for one in found] == ["What is 1 and two?", "What is 3 and 4.5?"]


@pytest.mark.parametrize(
    ("templates", "table", "error", "message"),
    [
        ('prompt: "{city}"', "town\nx\n", RecordError, r"t.yaml:1: `city` is no column of .*rows.csv:2, whose .* town"),
        ('- prompt: "{a}"\n- promt: b', "a\nx\n", SettingsError, r"t.yaml:2: a template has .* but no `promt`"),
        ('prompt: "{a.b}"', "a\nx\n", SettingsError, r"t.yaml:1: {a.b} is no slot"),
        ('prompt: "{a!r}"', "a\nx\n", SettingsError, r"t.yaml:1: {a} is no slot"),
        ('prompt: "{a"', "a\nx\n", SettingsError, r"t.yaml:1: expected '}' before end of string"),
        ('- prompt: "{a}"\n- {prompt: b, completion: c}', "a\nx\n", SettingsError, "some templates have a"),
        ('prompt: "{a}"', "a,a\nx,y\n", RecordError, r"rows.csv:1: a column's name stands twice"),
        ('prompt: "{a}"', "a,b\nx,y\nz\n", RecordError, r"rows.csv:3 has 1 cells, and the first line 2"),
        ('prompt: "{a}"', "a\n", RecordError, r"rows.csv has no rows"),
        ('prompt: "{a}"', 'a\n"x', RecordError, r"rows.csv:2 is no CSV in UTF-8: unexpected end of data"),
    ],
)  # fmt: skip
def test_t4_what_is_wrong_is_told_by_file_and_line(
    templates: str, table: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    template, rows = files(tmp_path, templates, table)
    with pytest.raises(error, match=message):
        found = read_templates(template)
        read_table(rows, found)


def test_t4_values_are_never_templates() -> None:
    assert put("{a} {{b}} {c}", {"a": "{c}", "c": "{a!r:>9}"}) == "{c} {b} {a!r:>9}"


def test_t4_a_reviewers_word_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rejected items stay out, verdicts survive every later run, also while the item itself is gone."""
    template, table = files(tmp_path)
    out, review = tmp_path / "d.jsonl", tmp_path / "review.jsonl"
    words = ["make", "template", str(template), str(table), "--out", str(out), "--review", str(review)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["make"]
    assert (found["written"], found["open"], len(found["faults"]), len(found["repeats"])) == (7, 7, 1, 2)
    rows = [json.loads(line) for line in review.read_text().splitlines()]
    rows[0] |= {"verdict": "accept", "by": "ann"}
    rows[2] |= {"verdict": "reject", "by": "bob", "note": "too formal"}
    review.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "1 accepted, 1 rejected, 5 not looked at" in told and "1 rows could not be filled" in told
    assert [one.text for one in formats.read_demonstrations(out).records].count("bonjour,\nmonsieur") == 0
    assert main([*words, "--accepted"]) == 0
    assert [one.text for one in formats.read_demonstrations(out).records] == ["bonjour"]
    table.write_text("text,language,translation\nnew,French,nouveau\n")
    assert main(words) == 0
    assert "2 verdicts on what is no longer made are kept" in capsys.readouterr().out
    table.write_text(TABLE)
    assert main(words) == 0
    kept = {row["id"]: row for row in map(json.loads, review.read_text().splitlines())}
    assert kept[rows[2]["id"]] == rows[2] and kept[rows[0]["id"]] == rows[0]
    review.write_text(review.read_text().replace('"accept"', '"yes"'))
    assert main(words) == RecordError.exit_code
    assert f"{review}:1: a row of a review has an `id` and a `verdict`" in capsys.readouterr().err


SEEDS = [
    Demonstration(asked("Name a river in France."), "The Loire"),
    Demonstration(asked("How many legs has a spider?"), "eight"),
    Demonstration(asked("Which colour has the sky at noon?"), "blue"),
]
WORDS = [
    "mountain",
    "lake",
    "bird",
    "fish",
    "poet",
    "king",
    "street",
    "dance",
    "cheese",
    "wine",
    "coat",
    "shoe",
]
WORDS += [
    "Spain",
    "Peru",
    "Japan",
    "Kenya",
    "Norway",
    "Chile",
    "Egypt",
    "India",
    "Cuba",
    "Fiji",
    "walks",
    "sings",
]


def of_words(number: int) -> str:
    """Some words in an order that no other number has."""
    return " ".join(random.Random(number).sample(WORDS, 6)) + "?"


class Writer:
    """A sampler that writes tasks of its own, some of them bad, and answers whatever is asked."""

    def __init__(self, occasion: int) -> None:
        self.occasion = occasion

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        assert k == 1
        return [self.answer(prompt, self.occasion * 31 + place) for place, prompt in enumerate(prompts)]

    def answer(self, prompt: Prompt, number: int) -> Completion:
        text = prompt.messages[-1].content
        if not text.startswith("Here are some"):
            return Completion(prompt, "" if number % 11 == 0 else f"answer {number}", finish="stop")
        kinds = [of_words(number), "Name a river in Spain.", "Why?", of_words(-number)]
        return Completion(prompt, kinds[number % 4], finish="length" if number % 13 == 0 else "stop")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_t5_a_pool_grows_and_refuses_what_it_has(tmp_path: Path) -> None:
    """Seeds stay first; no two prompts are more alike than .7 by ROUGE-L; each attempt has its reason."""
    growth = Growth(size=20)
    pool = grow(SEEDS, growth, Writer, tmp_path / "a.jsonl", lambda line: None)
    assert pool.items[:3] == SEEDS and len(pool.items) == 20
    said = [words(one.prompt.messages[-1].content) for one in pool.items]
    assert max(rouge_l(a, b) for place, a in enumerate(said) for b in said[:place]) <= 0.7
    record = lines(tmp_path / "a.jsonl")
    assert Counter(row["outcome"] for row in record) == pool.outcomes
    assert pool.outcomes["added"] == 17 and {"too alike", "too short", "cut off"} <= set(pool.outcomes)
    alike = [
        row for row in record if row["prompt"] == "Name a river in Spain." and row["outcome"] != "cut off"
    ]
    assert alike and {row["outcome"] for row in alike} <= {"too alike", "no answer", "full"}
    assert all(row["completion"] for row in record if row["outcome"] == "added")


@pytest.mark.parametrize("torn", [0, 1, 37, 400, 1500])
def test_t5_a_pool_goes_on_after_a_kill(torn: int, tmp_path: Path) -> None:
    """Whatever is torn off the end of its record, the same pool comes of it, attempt for attempt."""
    growth = Growth(size=16, seed=4)
    whole = grow(SEEDS, growth, Writer, tmp_path / "a.jsonl", lambda line: None)
    raw = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "b.jsonl").write_bytes(raw[: len(raw) - torn])
    said: list[str] = []
    again = grow(SEEDS, growth, Writer, tmp_path / "b.jsonl", said.append)
    assert again.items == whole.items and (tmp_path / "b.jsonl").read_bytes() == raw
    assert said[0].startswith("goes on after")


def test_t5_a_record_of_another_pool_is_refused(tmp_path: Path) -> None:
    grow(SEEDS, Growth(size=8), Writer, tmp_path / "a.jsonl", lambda line: None)
    with pytest.raises(StoreError, match="was made with other seeds or settings"):
        grow(SEEDS, Growth(size=8, alike=0.1), Writer, tmp_path / "a.jsonl", lambda line: None)


def test_t5_answers_first_balances_classes(tmp_path: Path) -> None:
    """Input inversion: the rarest answer is asked for next, so a lopsided pool comes out even."""
    assert rarest(Counter({"yes": 4, "no": 1}), 5) == ["no", "no", "no", "no", "yes"]
    seeds = [Demonstration(asked(of_words(place)), "no" if place else "yes") for place in range(6)]
    heard: list[str] = []

    class Inverted(Writer):
        def answer(self, prompt: Prompt, number: int) -> Completion:
            heard.append(prompt.messages[-1].content)
            return Completion(prompt, of_words(1000 + number), finish="stop")

    pool = grow(
        seeds, Growth(size=14, inverted=True, round=4), Inverted, tmp_path / "a.jsonl", lambda line: None
    )
    assert pool.classes == {"yes": 7, "no": 7}
    assert heard[0].splitlines()[0] == "Here are some questions whose right answer is: yes"
    assert f"1. {of_words(0)}" in heard[0] and of_words(1) not in heard[0]


def test_t5_a_model_without_ideas_is_an_error(tmp_path: Path) -> None:
    class Dull(Writer):
        def answer(self, prompt: Prompt, number: int) -> Completion:
            return Completion(prompt, "Name a river in France!", finish="stop")

    with pytest.raises(StoreError, match=r"3 rounds in a row have added nothing \(24 too alike\)"):
        grow(SEEDS, Growth(size=8, idle=3), Dull, tmp_path / "a.jsonl", lambda line: None)
    with pytest.raises(StoreError, match="3 rounds in a row"):  # nor does it begin again for ever
        grow(SEEDS, Growth(size=8, idle=3), Dull, tmp_path / "a.jsonl", lambda line: None)


def test_t6_the_best_share_is_worth_more_and_says_more() -> None:
    """By hand: worth alone takes both likes; novelty takes the second best that says something else."""
    pieces = [frozenset("ab"), frozenset("ab"), frozenset("cd"), frozenset("ac")]
    assert best_places([4, 3, 2, 1], pieces, 0.25) == [0]
    # then: 1 adds 3/4 * 0, 2 adds 2/4 * 1, 3 adds 1/4 * 1/2
    assert best_places([4, 3, 2, 1], pieces, 0.5) == [0, 2]
    assert sorted(best_places([4, 3, 2, 1], pieces, 1)) == [0, 1, 2, 3]
    assert best_places([1.0] * 4, pieces, 0.5) == [0, 2]
    one = Demonstration(asked("how far is it"), "ten miles")
    assert pieces_of(one) == {"how far", "far is", "is it", "ten miles"}
    many = [Demonstration(asked(f"say {number}"), f"{number} and {number % 3}") for number in range(40)]
    kept = best_share(many, list(range(40)), 0.1)
    assert len(kept) == 4 and many[39] in kept and kept == sorted(kept, key=many.index)
    with pytest.raises(SettingsError, match="no number"):
        best_share(many, [float("nan")] * 40, 0.1)
    with pytest.raises(SettingsError, match="share is 0"):
        best_share(many, list(range(40)), 0)


def test_options_of_another_kind_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = SettingsError.exit_code
    assert main(["make", "choice", "d.jsonl", "--out", "x", "--inverted"]) == code
    assert (
        "`concord make choice` knows no --inverted; its options are --by, --model, --share."
        in capsys.readouterr().err
    )
    assert main(["make", "pool", "a", "b", "--out", "x"]) == code
    assert "takes SEEDS, not 2 files" in capsys.readouterr().err
    assert main(["make", "choice", "d.jsonl", "--out", "d.jsonl"]) == code
    assert main(["make", "choice", "d.jsonl", "--out", "x", "--by", "score"]) == code
    assert main(["make", "template", "a", "b", "--out", "x", "--accepted"]) == code


@pytest.mark.slow
def test_t5_t6_with_the_bundled_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: a pool that the small model grows, then the share of it that is worth most."""
    seeds, out = tmp_path / "seeds.jsonl", tmp_path / "pool.jsonl"
    formats.write_demonstrations(seeds, SEEDS)
    words = ["make", "pool", str(seeds), "--out", str(out), "--size", "8", "--longest", "24", "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)["make"]
    assert first["written"] == 8 and first["attempts"]["added"] == 5 and Path(first["record"]).is_file()
    text = out.read_text()
    assert main(words) == 0 and out.read_text() == text
    found = [(one.prompt, one.text) for one in formats.read_demonstrations(out).records[:3]]
    assert found == [(one.prompt, one.text) for one in SEEDS]
    capsys.readouterr()
    for by in ("difficulty", "likelihood"):
        assert (
            main(
                [
                    "make",
                    "choice",
                    str(out),
                    "--out",
                    str(tmp_path / "c.jsonl"),
                    "--share",
                    "0.5",
                    "--by",
                    by,
                    "--json",
                ]
            )
            == 0
        )
        found = json.loads(capsys.readouterr().out)["make"]
        assert found["written"] == 4 and found["of"] == 8 and found["by"] == by
