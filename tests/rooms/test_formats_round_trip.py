"""What is written is read back as it was: whole in Concord's own rows, in others with a report."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from concord import formats
from concord.errors import RecordError, StoreError
from concord.formats import FORMATS, Guess, Kind, LossReport, Rows, sniff
from concord.formats.losses import Losses
from concord.formats.rows import Notes
from concord.records import (
    Completion,
    Demonstration,
    Judgement,
    Message,
    Prompt,
    Ranking,
    Rating,
    StepLabels,
    prompt_key,
)

QUICK = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
BRIEF = settings(QUICK, max_examples=8)
SIGNS = some.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = some.text(SIGNS, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
NAMES = some.text(SIGNS, max_size=8)
FLOATS = some.floats(allow_nan=False, allow_infinity=False)
WHOLES = some.integers(-(2**63) + 1, 2**63 - 1)
SOURCES = some.sampled_from(["human", "ai", "rule"])


@some.composite
def prompts(draw: Callable[..., Any]) -> Prompt:
    turns = draw(some.lists(TEXTS, min_size=1, max_size=3).filter(lambda found: len(found) % 2 == 1))
    spoken = [Message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(turns)]
    if draw(some.booleans()):
        spoken.insert(0, Message("system", draw(TEXTS)))
    messages = tuple(spoken)
    return Prompt(messages, prompt_key(messages), tuple(draw(some.lists(TEXTS, max_size=2))))


@some.composite
def completions(
    draw: Callable[..., Any], prompt: Prompt | None = None, text: str | None = None
) -> Completion:
    tokens = draw(some.none() | some.lists(some.integers(0, 2**31), max_size=4))
    return Completion(
        prompt or draw(prompts()),
        draw(TEXTS) if text is None else text,
        by=draw(NAMES),
        seed=draw(some.none() | WHOLES),
        temperature=draw(some.none() | some.floats(0, 10)),
        finish=draw(some.sampled_from([None, "stop", "length"])),
        tokens=None if tokens is None else tuple(tokens),
        logprobs=None if tokens is None or draw(some.booleans()) else tuple(-1.5 for _ in tokens),
    )


@some.composite
def rankings(draw: Callable[..., Any]) -> Ranking:
    prompt = draw(prompts())
    texts = draw(some.lists(TEXTS, min_size=2, max_size=5, unique=True))
    answers = tuple(draw(completions(prompt, text)) for text in texts)
    order = draw(some.permutations(range(len(answers))))
    ranked = order[: draw(some.integers(2, len(order)))]
    cuts = sorted(draw(some.sets(some.integers(1, len(ranked) - 1), min_size=1)))
    tiers = tuple(
        tuple(ranked[start:end]) for start, end in zip([0, *cuts], [*cuts, len(ranked)], strict=True)
    )
    return Ranking(
        prompt,
        answers,
        tiers,
        by=draw(NAMES),
        source=draw(SOURCES),
        aspect=draw(TEXTS),
        shown=tuple(order) if draw(some.booleans()) else (),
        all_bad=draw(some.booleans()),
    )


@some.composite
def ratings(draw: Callable[..., Any]) -> Rating:
    return Rating(draw(completions()), draw(FLOATS), draw(TEXTS), draw(NAMES), draw(SOURCES))


@some.composite
def step_labels(draw: Callable[..., Any]) -> StepLabels:
    steps = tuple(draw(some.lists(TEXTS, min_size=1, max_size=4)))
    marks = tuple(draw(some.sampled_from(["correct", "incorrect", "neutral"])) for _ in steps)
    return StepLabels(draw(completions(text="".join(steps))), steps, marks, draw(NAMES), draw(SOURCES))


@some.composite
def demonstrations(draw: Callable[..., Any]) -> Demonstration:
    return Demonstration(draw(prompts()), draw(TEXTS), draw(NAMES))


@some.composite
def judgements(draw: Callable[..., Any]) -> Judgement:
    ranking = draw(rankings())
    places = some.integers(0, len(ranking.completions) - 1)
    seconds = some.none() | some.floats(0, 1e6)
    return Judgement(
        ranking,
        aspects=draw(some.dictionaries(TEXTS, some.dictionaries(places, FLOATS, max_size=2), max_size=2)),
        edits=draw(some.dictionaries(places, TEXTS, max_size=2)),
        comment=draw(NAMES),
        skip=draw(NAMES),
        active_seconds=draw(seconds),
        idle_seconds=draw(seconds),
        guideline=draw(some.none() | WHOLES),
        revision=draw(some.integers(1, 9)),
        created=draw(NAMES),
    )


RECORDS: dict[str, some.SearchStrategy[Any]] = {
    "prompts": prompts(),
    "completions": completions(),
    "demonstrations": demonstrations(),
    "rankings": rankings(),
    "ratings": ratings(),
    "steps": step_labels(),
    "judgements": judgements(),
}


def write(path: Path, records: Iterable[Any], name: str) -> LossReport:
    """Write records in the format of that name."""
    report: LossReport = getattr(formats, f"write_{FORMATS[name].kind}")(path, records, format=name)
    return report


def read(path: Path, name: str) -> Rows[Any]:
    """Read the kind of records that the format of that name holds."""
    rows: Rows[Any] = getattr(formats, f"read_{FORMATS[name].kind}")(path)
    return rows


@pytest.mark.parametrize("kind", RECORDS)
def test_own_rows_read_back_exactly(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    @QUICK
    @given(some.lists(RECORDS[kind], min_size=1, max_size=3))
    def exact(records: list[Any]) -> None:
        report = write(path, records, f"concord-{kind}")
        rows = read(path, f"concord-{kind}")
        # repr tells -0.0 from 0.0 and 1 from 1.0, which == does not.
        assert repr(rows.records) == repr(tuple(records))
        assert (rows.records, rows.format, report.losses) == (tuple(records), f"concord-{kind}", ())

    exact()


WAYS = [
    (name, kind)
    for name, one in FORMATS.items()
    for kind in (one.kind, *one.also)
    if one.writer(kind) and not name.startswith("concord")
]


def sayings(rankings: Iterable[Ranking]) -> set[tuple[str, str]]:
    """Every comparison that rankings make, as the better and the worse text."""
    return {tuple(one.completions[place].text for place in pair) for one in rankings for pair in one.pairs()}  # type: ignore[misc]


@pytest.mark.parametrize(("name", "kind"), WAYS, ids=str)
def test_foreign_rows_read_back_without_a_second_loss(name: str, kind: Kind) -> None:
    one = FORMATS[name]
    turn, tell, again = one.writer(kind), one.read, one.write
    assert turn and tell and again

    @BRIEF
    @given(RECORDS[kind])
    def stable(record: Any) -> None:
        first = Losses(name)
        rows = [json.loads(json.dumps(row, allow_nan=False)) for row in turn(record, first)]
        found = [tell(row, Notes(name)) for row in rows]
        back = [each for held in found for each in (held if isinstance(held, list) else [held])]
        second = Losses(name)
        written = [row for each in back for row in again(each, second)]
        assert (written, second.lines()) == (rows, ()), "what was lost once is lost, but nothing more is"
        assert rows or first.lines(), "what is not written is told"
        if kind == one.kind == "rankings":
            said, heard = sayings([record]), sayings(back)
            assert heard <= said, "no order is ever turned round"
            assert heard == said or "dropped" in str(first) or "lost the order" in str(first)
        assert not rows or sniff(rows) == Guess(name, 1.0)

    stable()


ASK = Prompt((Message("user", "Name a river."),), "p1", ("fact",))


def test_the_loss_report_counts_what_a_pair_cannot_say(tmp_path: Path) -> None:
    answers = tuple(Completion(ASK, text, by="ada", seed=3) for text in ("a", "b", "c", "d", "e"))
    # Tiers {b} > {a, c, d}; e is unranked: 3 pairs, and 3 tied ones among a, c and d.
    ranking = Ranking(
        ASK, answers, ((1,), (0, 2, 3)), by="eva", source="ai", aspect="tone", shown=(4, 3, 2, 1, 0)
    )
    report = write(tmp_path / "rows.jsonl", [ranking], "trl-preference")
    assert (report.records, report.rows) == (1, 3)
    assert set(report.losses) == {
        "trl-preference cannot carry ties: 3 tied pairs dropped",
        "trl-preference cannot carry unranked answers: 1 answers dropped",
        "trl-preference cannot carry lists: 1 rankings of more than two answers cut into pairs",
        "trl-preference cannot carry the names of judges: 1 names dropped",
        "trl-preference cannot carry who or what judged: 1 records not by people lost it",
        "trl-preference cannot carry aspects: 1 records lost theirs",
        "trl-preference cannot carry the order shown: 1 rankings lost theirs",
        "trl-preference cannot carry ids of prompts: 1 ids dropped",
        "trl-preference cannot carry tags: 1 prompts lost theirs",
        "trl-preference cannot carry who wrote an answer: 4 names dropped",
        "trl-preference cannot carry how an answer was sampled: 4 answers lost it",
    }
    written = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(row["chosen"], row["rejected"]) for row in written] == [("b", "a"), ("b", "c"), ("b", "d")]


def test_rankings_that_a_format_cannot_hold_are_dropped_and_counted(tmp_path: Path) -> None:
    talk = Prompt((Message("system", "Be kind."), Message("user", "x")))
    forged = Prompt((Message("user", "x\n\nAssistant: y"),))
    tied = Ranking(ASK, (Completion(ASK, "a"), Completion(ASK, "b")), ((0, 1),))
    pairs = [
        Ranking(prompt, (Completion(prompt, "a"), Completion(prompt, "b")), ((0,), (1,)))
        for prompt in (talk, forged)
    ]
    report = write(tmp_path / "rows.jsonl", [tied, *pairs], "hh")
    assert (report.records, report.rows) == (3, 0)
    assert report.losses == (
        "hh cannot carry ties: 1 tied pairs dropped",
        "hh cannot carry rankings without a pair: 1 rankings dropped",
        "hh cannot carry system messages: 1 rankings dropped",
        "hh cannot carry texts that look like its own marks, or equal answers: 1 pairs dropped",
    )
    report = write(tmp_path / "rows.jsonl", pairs, "trl-preference")
    assert report.losses == ("trl-preference cannot carry dialogues: 1 rankings of several messages dropped",)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_not_written(value: float, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("as it was")
    good = Rating(Completion(ASK, "a"), 1.0)
    with pytest.raises(RecordError, match="record 2 cannot be written"):
        write(path, [good, Rating(Completion(ASK, "a"), value)], "concord-ratings")
    with pytest.raises(RecordError, match="record 1 cannot be written"):
        write(path, [Demonstration(ASK, "half \ud83d")], "concord-demonstrations")
    assert path.read_text() == "as it was"
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_row_holds_one_prompt(tmp_path: Path) -> None:
    other = Prompt((Message("user", "Name a hill."),))
    ranking = Ranking(ASK, (Completion(ASK, "a"), Completion(other, "b")), ((0,), (1,)))
    with pytest.raises(RecordError, match=r"`completions\[1\]` answers another prompt"):
        write(tmp_path / "rows.jsonl", [ranking], "concord-rankings")


def test_only_a_fitting_format_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Use concord-prompts or trl-prompts"):
        formats.write_prompts(tmp_path / "rows.jsonl", [ASK], format="hh")
    with pytest.raises(StoreError):
        (tmp_path / "file").write_text("")
        formats.write_prompts(tmp_path / "file" / "rows.jsonl", [ASK])


def test_the_room_needs_no_torch() -> None:
    code = "import sys, concord.formats; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_format_is_in_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "formats.md"
    text = page.read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in text] == []


def test_sniff_refuses_what_nobody_knows() -> None:
    with pytest.raises(RecordError, match="no format that Concord knows"):
        sniff([{"question": "x", "answers_to_it": "y"}, 3])
