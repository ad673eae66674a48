"""Templates filled with rows: each row and each reviewer's word accounted for."""

import json
from pathlib import Path

import pytest

from concord import formats
from concord.cli.main import main
from concord.errors import RecordError, SettingsError
from concord.making.templates import expand, put, read_table, read_templates

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
    """Numbers are text, a null is an empty slot; a template of one mapping; prompts where nothing answers."""
    template, table = files(
        tmp_path,
        'prompt: "What is {a} and {b}?"\n',
        '{"a": 1, "b": "two"}\n\n{"a": 3, "b": 4.5}\n{"a": 5, "b": null}\n{"a": 6}\n',
        "r.jsonl",
    )
    assert main(["make", "template", str(template), str(table), "--out", str(tmp_path / "p.jsonl")]) == 0
    found = formats.read_prompts(tmp_path / "p.jsonl").records
    assert [one.messages[0].content for one in found] == ["What is 1 and two?", "What is 3 and 4.5?"]
    faults = expand(read_templates(template), read_table(table, read_templates(template))).faults
    assert faults == [f"{table}:{line}: `b` is empty, which {template}:1 needs" for line in (4, 5)]


@pytest.mark.parametrize(
    ("templates", "table", "error", "message"),
    [
        ('prompt: "{city}"', "town\nx\n", RecordError, r"t.yaml:1: `city` is no column of .*rows.csv, .* town"),
        ('- prompt: "{a}"\n- promt: b', "a\nx\n", SettingsError, r"t.yaml:2: a template has .* but no `promt`"),
        ('prompt: "{a.b}"', "a\nx\n", SettingsError, r"t.yaml:1: {a.b} is no slot"),
        ('prompt: "{a!r}"', "a\nx\n", SettingsError, r"t.yaml:1: {a} is no slot"),
        ('prompt: "{a"', "a\nx\n", SettingsError, r"t.yaml:1: expected '}' before end of string"),
        ('- prompt: "{a}"\n- {prompt: b, completion: c}', "a\nx\n", SettingsError, "some templates have a"),
        ('prompt: "{a}"', "a,a\nx,y\n", RecordError, r'rows.csv:1: two columns are called "a"'),
        ('prompt: "{a}"', "a,b\nx,y\nz\n", RecordError, r"rows.csv:3: the row has 1 cells for 2 columns"),
        ('prompt: "{a}"', "a\n", RecordError, r"rows.csv has no rows"),
        ('prompt: "{a}"', 'a\n"x', RecordError, r"rows.csv:2: the line is not CSV: unexpected end of data"),
        ('prompt: "{a}{b}"', "a,b\nx,\n", RecordError, r"`b` is no column of .*rows.csv, or an empty one; its .* a\."),
        ('prompt: "{a}"', "a:json\n[1]\n", RecordError, r"rows.csv:2: `a` is no text and no number"),
    ],
)  # fmt: skip
def test_t4_what_is_wrong_is_told_by_file_and_line(
    templates: str, table: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    template, rows = files(tmp_path, templates, table)
    with pytest.raises(error, match=message):
        found = read_templates(template)
        read_table(rows, found)


def test_t4_what_a_template_says_is_text_as_it_is_written(tmp_path: Path) -> None:
    """No word of the answers that are learned becomes another: not a truth, a time or a number."""
    words = ("yes", "no", "12:30", "007", "1_000", "0x1f", "5e-4", "on", "2024-01-01")
    text = "".join(f"- prompt: 'ask {{a}}'\n  completion: {word}\n  tags: [{word}, 010]\n" for word in words)
    template, _ = files(tmp_path, text, "a\nx\n")
    found = read_templates(template)
    assert [(one.completion, one.tags) for one in found] == [(word, (word, "010")) for word in words]
    template.write_text("prompt: '{a}'\nsystem:\ncompletion: ~\ntags:\n")
    (one,) = read_templates(template)
    assert (one.system, one.completion, one.tags) == ("", None, ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prompt: a\nprompt: b\n", r"t\.yaml:2: `prompt` is given twice"),
        ("prompt: a\ntags: {b: c}\n", "`tags` must be a text or a list of texts"),
        ("prompt: a\ntags: [[b]]\n", "`tags` must be a text or a list of texts"),
        ("prompt: [a]\n", "`prompt` must be a text"),
        ("prompt: \xff\n", "byte 0xff is not UTF-8"),
    ],
)
def test_t4_what_cannot_be_a_template_is_told(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=complaint):
        read_templates(path)


def test_t4_a_review_may_be_a_table_and_is_never_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, table = files(tmp_path)
    out, review = tmp_path / "d.jsonl", tmp_path / "review.csv"
    words = ["make", "template", str(template), str(table), "--out", str(out), "--review"]
    assert main([*words, str(review)]) == 0
    text = review.read_text()
    assert text.startswith("id,verdict,by,note,")  # plain cells, though all of them are empty
    assert main([*words, str(review)]) == 0 and review.read_text() == text
    name, *lines = text.splitlines()
    review.write_text("\n".join([name, lines[0].replace(",,,,", ",accept,Ann,,", 1), *lines[1:], ""]))
    filled = review.read_text()
    assert ",accept,Ann,," in filled
    assert main([*words, str(review), "--accepted"]) == 0 and review.read_text() == filled
    assert len(out.read_text().splitlines()) == 1
    assert main([*words, str(review)]) == 0
    before = out.read_bytes()
    for same in (out, table):
        assert main([*words, str(same)]) == SettingsError.exit_code
        assert "which is read or written as data" in capsys.readouterr().err
    assert out.read_bytes() == before
    rows = tmp_path / "review.jsonl"
    assert main([*words, str(rows)]) == 0
    rows.write_text(rows.read_text().replace('"by": ""', '"by": null'))
    assert '"by": null' in rows.read_text()
    assert main([*words, str(rows)]) == 0 and "None" not in rows.read_text()


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
