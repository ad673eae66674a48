"""Stage duels: an AI judge compares one policy's answers with the references', two by two and in both orders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from concord import formats
from concord.evaluation.answers import Row, meetings
from concord.evaluation.orders import card
from concord.evaluation.predicted import preferences
from concord.records import Completion, Prompt
from concord.records.files import read_json, read_rows
from concord.settings import Judging
from concord.stages.bench import Bench
from concord.stages.contestants import ai_judge, everyone, opponents
from concord.stages.independence import refuse_a_teacher
from concord.stages.judged import Seat, judged

COUNTS = ("invalid_replies", "asked_again", "withheld_sentences")
"""What a judge's card counts, added up over all policies."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Have one policy's answers compared with those of each reference; the same words are a tie that nobody judges."""
    asked = ai_judge(bench.loaded)
    assert asked is not None, "without an AI judge nobody has duels"
    if accepted := refuse_a_teacher(bench.loaded, bench.run):
        bench.say(accepted)
    judging = Judging.model_validate(asked.model_dump())
    seat = Seat("evaluate.judge", judging, bench.run.cache / f"{bench.stage.replace('/', '-')}.jsonl")
    found = judged(bench, folder, pairs(bench), (), seat)
    formats.write_rankings(folder / "rankings.jsonl", found)


def pairs(bench: Bench) -> list[Sequence[Completion]]:
    """Every two different answers that meet, once, whatever the temperature at which they were given."""
    name = bench.stage.removeprefix("duels/")
    path = bench.loaded.folder / bench.recipe.evaluate.prompts
    prompts: dict[str, Prompt] = {one.id: one for one in bench.read(formats.read_prompts, path)}
    found: dict[tuple[str, ...], Sequence[Completion]] = {}
    for ours, theirs in met(bench, name, said(bench, [name, *opponents(everyone(bench.loaded))[name]])):
        if ours["text"] != theirs["text"]:
            prompt = prompts[ours["prompt_id"]]
            both = [Completion(prompt, one["text"], by=one["policy"]) for one in (ours, theirs)]
            found.setdefault((prompt.id, theirs["policy"], ours["text"], theirs["text"]), both)
    return list(found.values())


def said(bench: Bench, names: Iterable[str]) -> list[Row]:
    """What some policies answered."""
    return [row for name in names for row in read_rows(bench.run.path(f"answers/{name}") / "answers.jsonl")]


def met(bench: Bench, name: str, rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Which answers of a policy meet which of the references', at every temperature."""
    for other in opponents(everyone(bench.loaded))[name]:
        for temperature in bench.recipe.evaluate.temperatures:
            yield from meetings(rows, name, other, temperature)


def with_verdicts(bench: Bench, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every answer with what of the win it takes from each reference that it met; what was not readable is left out."""
    found: dict[tuple[str, ...], float] = {}
    for name in opponents(everyone(bench.loaded)):
        rankings = formats.read_rankings(bench.run.path(f"duels/{name}") / "rankings.jsonl").records
        for one in preferences(rankings):
            found[one["prompt_id"], one["a"], one["b"], *one["texts"]] = one["share"]
    told = [{**row, "won": {}} for row in rows]
    for name in opponents(everyone(bench.loaded)):
        for ours, theirs in met(bench, name, told):
            texts = ours["text"], theirs["text"]
            share = (
                0.5
                if texts[0] == texts[1]
                else found.get((ours["prompt_id"], name, theirs["policy"], *texts))
            )
            if share is not None:
                ours["won"][theirs["policy"]] = share
    return told


def compared(bench: Bench) -> dict[str, Any] | None:
    """How an AI judge compared: policy by policy, both orders together, and what it took; None if none did."""
    asked = ai_judge(bench.loaded)
    if asked is None:
        return None
    folders = {name: bench.run.path(f"duels/{name}") for name in opponents(everyone(bench.loaded))}
    cards = {name: read_json(folder / "judge.json") for name, folder in folders.items()}
    orders: list[tuple[str, dict[bool | None, float]]] = [
        (row["prompt_id"], {True: forth, False: back})
        for folder in folders.values()
        for row in read_rows(folder / "judgements.jsonl")
        if not row["invalid"]
        for _, _, forth, back in row["readings"]
    ]
    return {
        "name": asked.name,
        "at": asked.endpoint.url if asked.endpoint else "this machine",
        "rubric": asked.rubric,
        "orders": card(orders, len(orders)),
        "policies": {name: told(one) for name, one in cards.items()},
        **{field: sum(one[field] for one in cards.values()) for field in COUNTS},
        "left_out": sum(len(one["left_out"]) for one in cards.values()),
        "asked": added([one["asked"] for one in cards.values() if one["asked"]]),
    }


def told(one: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says of the judge's work on one policy."""
    fields = ("lists", "ranked", "invalid_replies", "position_consistency", "first_share", "length_slope")
    return {**{field: one[field] for field in fields}, "left_out": len(one["left_out"])}


def added(some: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Calls, tokens and cost of all policies together; None if no endpoint was asked."""
    fields = (
        "questions",
        "remembered",
        "calls",
        "repeats",
        "tokens_read",
        "tokens_said",
        "unmetered",
        "cost",
    )
    return {field: sum(one[field] for one in some) for field in fields} if some else None
