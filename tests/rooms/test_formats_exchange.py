"""`concord import` and `concord export`, on files made by hand and on published data counted in plain Python."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.shapes import SHAPES

from concord.cli.main import main
from concord.formats import FORMATS, read_judgements, read_rankings, read_ratings, recognise, write_rankings
from concord.formats.exchange import Pseudonyms, carry, look

DATA = next(
    (up / "shared" / "data" for up in Path(__file__).parents[2:] if (up / "shared" / "data").is_dir()), Path()
)
PUBLISHED = pytest.mark.skipif(not DATA.name, reason="the published data is not beside this checkout")


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command is given in an empty folder."""
    monkeypatch.chdir(tmp_path)


def put(name: str, *rows: Any) -> Path:
    """A file of rows."""
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Path(name)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What a command says to a machine."""
    main([*words, "--json"])
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.read])
def test_every_format_is_imported(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = told(capsys, "import", str(put("rows.jsonl", SHAPES[name])))
    kind = FORMATS[name].kind
    assert (value["format"], value["kind"], value["confidence"]) == (name, kind, 1.0)
    assert (value["rows"], value["kept"], value["skipped"]) == (1, 1, 0)
    assert value["to"] == f"rows.{kind}.jsonl" and value["written_as"] == f"concord-{kind}"
    assert len(Path(value["to"]).read_text().splitlines()) == value["written"] == value["records"] > 0
    assert recognise(value["to"]).kind == kind


def test_a_plan_shows_what_was_recognised_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    put("rows.jsonl", *[SHAPES["shp"]] * 3, {"history": 3}, *[SHAPES["shp"]] * 6)
    value = told(capsys, "import", "rows.jsonl", "--plan")
    assert (value["format"], value["kind"], value["to"]) == ("shp", "rankings", "rows.rankings.jsonl")
    assert value["confidence"] == 0.9
    assert [row["tiers"] for row in value["examples"]] == [[[1], [0]]] * 3
    assert main(["import", "rows.jsonl", "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "rows.jsonl is read as rankings, format shp: 90% of its first rows look like it."
    assert lines[5:] == ["Of the first rows 1 cannot be read:", f"  {value['faults'][0]}"]
    assert value["faults"][0].startswith("rows.jsonl:4: `history`")
    assert len(lines) == 7 and [path.name for path in Path().iterdir()] == ["rows.jsonl"]


def test_rows_in_are_rows_kept_and_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    bad = SHAPES["trl-preference"] | {"rejected": ""}
    put("rows.jsonl", SHAPES["trl-preference"], bad, SHAPES["trl-preference"], {"prompt": 3})
    assert main(["import", "rows.jsonl"]) == 3
    complaint = capsys.readouterr().err
    assert "2 of 4 rows cannot be read, so nothing was taken." in complaint and "--skip-invalid" in complaint
    assert [path.name for path in Path().iterdir()] == ["rows.jsonl"]
    Path("out").mkdir()
    value = told(capsys, "import", "rows.jsonl", "--skip-invalid", "--to", "out/own.jsonl")
    assert (value["rows"], value["kept"], value["skipped"]) == (4, 2, 2)
    assert value["listed"] == "out/rows.rejected.jsonl"
    rejected = [json.loads(line) for line in Path(value["listed"]).read_text().splitlines()]
    assert [(row["line"], row["field"]) for row in rejected] == [(2, "rejected"), (4, "prompt")]
    assert json.loads(rejected[0]["row"]) == bad
    put("rows.jsonl", SHAPES["trl-preference"])
    value = told(capsys, "import", "rows.jsonl", "--skip-invalid", "--to", "out/own.jsonl", "--again")
    assert value["skipped"] == 0 and [path.name for path in Path("out").iterdir()] == ["own.jsonl"]


def test_rows_of_tables_are_rejected_with_their_content(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.csv").write_text("prompt,completion\nx,y\nz,\n")
    value = told(capsys, "import", "rows.csv", "--skip-invalid")
    rejected = json.loads(Path(value["listed"]).read_text())
    assert (rejected["line"], rejected["field"], json.loads(rejected["row"])) == (3, "completion", ["z", ""])


def test_nothing_is_written_over_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    put("rows.jsonl", SHAPES["hh"])
    Path("own.jsonl").write_text("as it was")
    assert main(["import", "rows.jsonl", "--to", "own.jsonl"]) == 8
    assert Path("own.jsonl").read_text() == "as it was" and "--again" in capsys.readouterr().err
    assert main(["import", "rows.jsonl", "--to", "rows.jsonl", "--again"]) == 8
    assert main(["import", "rows.jsonl", "--to", "own.jsonl", "--again"]) == 0
    assert len(read_rankings("own.jsonl")) == 1


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["import", "rows.jsonl", "--format", "argila"], 3, "There is no format `argila`. Did you mean `argilla`?"),
        (["import", "rows.jsonl", "--as", "ranking"], 2, "`--as ranking` is no kind of records"),
        (["import", "rows.jsonl", "--as", "steps"], 3, "rows of scored-list are read as rankings or ratings"),
        (["import", "nowhere.jsonl"], 3, "nowhere.jsonl does not exist"),
        (["import", "none.jsonl"], 3, "none.jsonl is empty"),
        (["import", "odd.jsonl"], 3, "odd.jsonl: The rows have no format that Concord knows"),
        (["export", "rows.jsonl", "--format", "oasst", "--to", "x"], 3, "no format that rankings are written in"),
        (["export", "rows.jsonl", "--format", "hh", "--to", "x.csv.gz"], 3, ".csv is not written compressed"),
        (["export", "rows.jsonl"], 2, "required: --format, --to"),
    ],
)  # fmt: skip
def test_a_wrong_wish_is_told(
    words: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put("rows.jsonl", SHAPES["scored-list"])
    put("odd.jsonl", {"colour": "red"})
    put("none.jsonl")
    assert main(words) == code
    assert complaint in capsys.readouterr().err
    assert len(list(Path().iterdir())) == 3


def test_the_kind_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    put("rows.jsonl", SHAPES["scored-list"])
    value = told(capsys, "import", "rows.jsonl", "--as", "ratings")
    assert (value["kind"], value["kept"], value["records"]) == ("ratings", 1, 2)
    assert [one.value for one in read_ratings("rows.ratings.jsonl")] == [0.1, 0.9]


def judged(**more: Any) -> dict[str, Any]:
    """A judgement's row by a person whose name must not leave the house."""
    return SHAPES["concord-judgements"] | {"by": "ada.lovelace"} | more


def test_s24_names_of_people_stay_in_the_house(capsys: pytest.CaptureFixture[str]) -> None:
    """Pseudonyms by default; names of models stay, and one person has one pseudonym."""
    ranked = {
        "prompt": "x",
        "completions": ["a", {"text": "b", "by": "ada.lovelace"}, {"text": "c", "by": "sft-3"}],
    }
    rows = [
        ("ada.lovelace", "human"),
        ("gpt-9", "ai"),
        ("bo", "human"),
        ("ada.lovelace", "human"),
        ("", "human"),
    ]
    put("r.jsonl", *(ranked | {"tiers": [[0], [1, 2]], "by": by, "source": source} for by, source in rows))
    value = told(capsys, "export", "r.jsonl", "--format", "concord-rankings", "--to", "out.jsonl")
    assert value["pseudonyms"] == 2 and "ada" not in Path("out.jsonl").read_text()
    found = read_rankings("out.jsonl")
    assert [one.by for one in found] == ["annotator-1", "gpt-9", "annotator-2", "annotator-1", ""]
    assert [one.by for one in found[0].completions] == ["", "annotator-1", "sft-3"]
    # Whoever judges somewhere in the file is hidden everywhere, also where they wrote before that.
    early = ranked | {"tiers": [[0], [1, 2]], "by": "bo", "source": "human"}
    put("late.jsonl", early, ranked | {"tiers": [[0], [1, 2]], "by": "ada.lovelace", "source": "human"})
    told(capsys, "export", "late.jsonl", "--format", "concord-rankings", "--to", "early.jsonl")
    assert "ada" not in Path("early.jsonl").read_text()
    writers = [one.completions[1].by for one in read_rankings("early.jsonl")]
    assert writers == ["annotator-2", "annotator-2"]
    put("j.jsonl", judged(), judged(by="bo", revision=1))
    for format, target, kind in (
        ("concord-judgements", "a.jsonl", "judgements"),
        ("label-studio", "b.json", "rankings"),
        ("argilla", "c.jsonl", "rankings"),
        ("concord-demonstrations", "d.jsonl", "demonstrations"),
        ("concord-ratings", "e.csv", "ratings"),
    ):
        told(capsys, "export", "j.jsonl", "--as", kind, "--format", format, "--to", target)
        assert "ada" not in Path(target).read_text() and "annotator-1" in Path(target).read_text(), format
    assert [one.ranking.by for one in read_judgements("a.jsonl")] == ["annotator-1", "annotator-2"]
    told(capsys, "export", "r.jsonl", "--format", "arena", "--to", "named.jsonl", "--names")
    assert "ada.lovelace" in Path("named.jsonl").read_text()


def counted_by_hand() -> tuple[Counter[str], list[list[float]]]:
    """The published lists in plain Python: what a list of nine with ties holds, told without Concord."""
    count: Counter[str] = Counter()
    scores = []
    with gzip.open(DATA / "alpacaeval_ranked.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            answers = json.loads(line)["completions"]
            values = [one["score"] for one in answers]
            scores.append(values)
            count["lists"] += 1
            levels = Counter(values)
            count["tied lists"] += len(levels) < len(values)
            count["three tiers or more"] += len(levels) > 2
            best, worst = max(levels), min(levels)
            for one in range(len(values)):
                for other in range(one):
                    tied, same = values[one] == values[other], answers[one]["text"] == answers[other]["text"]
                    count["tied"] += tied
                    count["decided"] += not tied and not same
                    count["same"] += same
                    count["tied, not same"] += tied and not same
            count["ends"] += levels[best] + levels[worst]
            count["between"] += len(values) - levels[best] - levels[worst]
    return count, scores


@PUBLISHED
@pytest.mark.slow
def test_published_lists_become_lists_with_ties_and_every_loss_is_right(tmp_path: Path) -> None:
    count, scores = counted_by_hand()
    assert (count["lists"], count["tied lists"]) == (585, 476)
    rankings = read_rankings(DATA / "alpacaeval_ranked.jsonl.gz")
    assert rankings.summary == "585 rows = 585 kept + 0 skipped (scored-list)"
    for found, values in zip(rankings, scores, strict=True):
        assert len(found.completions) == 9 and not found.unranked
        for level, tier in enumerate(found.tiers):
            assert {values[place] for place in tier} == {sorted(set(values), reverse=True)[level]}
            assert len(tier) == values.count(values[tier[0]])
    pairs = {"hh", "trl-preference", "trl-preference-chat", "openai-preference", "ms-swift", "alpaca-preference",
             "sharegpt-preference", "ultrafeedback-binarized", "rewardbench"}  # fmt: skip
    whole = {
        "concord-rankings",
        "nemo-rank",
        "nectar",
        "scored-list",
        "rated-list",
        "label-studio",
        "argilla",
    }
    ties = {"arena", "alpacaeval-verdicts", "helpsteer3"}
    untied = {"shp", "summarize"}
    labels = {"trl-kto", "trl-kto-chat", "alpaca-kto", "sharegpt-kto"}
    ways = {name for name, one in FORMATS.items() if one.writer("rankings")}
    assert ways == pairs | whole | ties | untied | labels | {"rewardbench-2"}
    for name in ways:
        report = write_rankings(tmp_path / f"{name}.jsonl", rankings, format=name)
        losses = {text.removeprefix(f"{name} cannot carry ") for text in report.losses}
        written = count["lists"]
        if name in pairs:
            written = count["decided"]
            assert f"ties: {count['tied']:,} tied pairs dropped" in losses
        elif name in ties | untied:
            written = count["decided"] + (count["tied, not same"] if name in ties else 0)
            assert f"pairs of equal answers: {count['same']:,} pairs dropped" in losses
            told_ties = f"ties: {count['tied, not same']:,} tied pairs dropped"
            assert (told_ties in losses) == (name in untied)
        elif name in labels:
            written = count["ends"]
            assert f"tiers between the best and the worst: {count['between']:,} answers dropped" in losses
            assert "which answers were compared: 585 rankings taken apart" in losses
        elif name == "rewardbench-2":
            dropped = f"more than two tiers: {count['three tiers or more']:,} rankings lost the order below the best"
            assert dropped in losses
        assert (report.records, report.rows) == (585, written), name
        assert ("lists: 585 rankings of more than two answers cut into pairs" in losses) == (
            name in pairs | ties | untied
        )
        kept = {"concord-rankings", "nectar", "scored-list", "rated-list", "rewardbench", "arena",
                "alpacaeval-verdicts", "summarize"}  # fmt: skip
        names = count["ends"] if name in labels else 5_265
        assert (f"who wrote an answer: {names:,} names dropped" in losses) == (name not in kept), name
        judge = {"concord-rankings", "nectar", "scored-list", "rated-list", "ultrafeedback-binarized",
                 "alpacaeval-verdicts"}  # fmt: skip
        assert ("who or what judged: 585 records not by people lost it" in losses) == (name not in judge), (
            name
        )


@pytest.mark.slow
@PUBLISHED
def test_published_transcripts_are_imported_with_one_common_prompt_each(tmp_path: Path) -> None:
    source = DATA / "hh_harmless.jsonl.gz"
    passage, report = carry(look(source), tmp_path / "own.jsonl.gz", "concord-rankings", False)
    assert passage.summary == "1,534 rows = 1,534 kept + 0 skipped (hh)" and report.rows == 1_534
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row, found in zip(rows, read_rankings(tmp_path / "own.jsonl.gz"), strict=True):
        # Written out again in full, the one prompt and each answer give back both transcripts.
        names = {"user": "Human", "assistant": "Assistant"}
        start = "".join(f"\n\n{names[turn.role]}: {turn.content}" for turn in found.prompt.messages)
        for key, answer in zip(("chosen", "rejected"), found.completions, strict=True):
            assert squeezed(row[key]) == squeezed(f"{start}\n\nAssistant: {answer.text}")
        assert found.tiers == ((0,), (1,)) and found.prompt.messages[-1].role == "user"


def squeezed(text: str) -> str:
    """A transcript without the spaces that some turns have after their speaker and some have not."""
    return text.replace("Human: ", "Human:").replace("Assistant: ", "Assistant:").rstrip(" ")


def test_pseudonyms_are_given_in_order() -> None:
    hidden = Pseudonyms()
    assert [hidden.name(one) for one in ("b", "a", "b", "")] == [
        "annotator-1",
        "annotator-2",
        "annotator-1",
        "",
    ]
    assert hidden.name("gpt-9", person=False) == "gpt-9"
