"""Concord's own rows for judgements: a ranking's row, and beside it all that was noted when it was made."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer
from concord.formats.fields import Fault, as_name, as_object, as_text, below, need, optional
from concord.formats.losses import Losses
from concord.formats.native_guidance import RANKING, ranking_of, write_ranking
from concord.formats.rows import Notes
from concord.records import Demonstration, Judgement, Ranking, Rating

SCHEMA = "concord.judgement/1"
NOTED = frozenset(
    {
        "schema", "unranked", "aspects", "edits", "comment", "skip", "active_seconds", "idle_seconds",
        "guideline", "revision", "created",
    }
)  # fmt: skip


def read_judgement(row: dict[str, Any], notes: Notes) -> Judgement:
    """A row of a file of judgements."""
    notes.unknown(row, RANKING | NOTED)
    if need(row, "schema") != SCHEMA:
        raise Fault("schema", f"only {SCHEMA} is known", row["schema"])
    skip = optional(row, "skip", "", as_text, "")
    ranking = ranking_of(row, notes, anything=bool(skip or row.get("edits") or row.get("aspects")))
    count = len(ranking.completions)
    told = optional(row, "unranked", "", fields.wholes, ranking.unranked)
    if told != ranking.unranked:
        raise Fault(
            "unranked", f"must name what `tiers` does not, which is {list(ranking.unranked)}", list(told)
        )
    aspects = optional(row, "aspects", "", as_object, dict[str, Any]())
    revision = optional(row, "revision", "", fields.as_whole, 1)
    if revision < 1:
        raise Fault("revision", "revisions are counted from 1", revision)
    return Judgement(
        ranking,
        aspects={
            as_name(name, "aspects"): {
                place: fields.as_number(value, f"aspects.{name}.{place}")
                for place, value in by_place(values, below("aspects", name), count).items()
            }
            for name, values in aspects.items()
        },
        edits={
            place: answer(text, f"edits.{place}")
            for place, text in by_place(row.get("edits") or {}, "edits", count).items()
        },
        comment=optional(row, "comment", "", as_text, ""),
        skip=skip,
        active_seconds=optional(row, "active_seconds", "", as_seconds, None),
        idle_seconds=optional(row, "idle_seconds", "", as_seconds, None),
        guideline=optional(row, "guideline", "", as_version, None),
        revision=revision,
        created=optional(row, "created", "", as_text, ""),
    )


def by_place(value: Any, at: str, count: int) -> dict[int, Any]:
    """An object whose keys are positions."""
    found: dict[int, Any] = {}
    for key, inner in as_object(value, at).items():
        if not (key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < count):
            raise Fault(below(at, key[:60]), f"positions run from 0 to {count - 1}", key)
        if int(key) in found:
            raise Fault(below(at, key), "the position is named twice", key)
        found[int(key)] = inner
    return found


def as_seconds(value: Any, at: str) -> float | None:
    """A time, which is 0 or more."""
    number = fields.as_number(value, at)
    if number < 0:
        raise Fault(at, "it must be 0 or more", value)
    return number


def as_version(value: Any, at: str) -> int | None:
    """The version of a guideline."""
    return fields.as_whole(value, at)


def write_judgement(said: Judgement, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A judgement as a row, whole."""
    (row,) = write_ranking(said.ranking)
    row = {"schema": SCHEMA} | row
    if said.ranking.unranked:
        row["unranked"] = list(said.ranking.unranked)
    if said.aspects:
        row["aspects"] = {
            name: {str(place): value for place, value in values.items()}
            for name, values in said.aspects.items()
        }
    if said.edits:
        row["edits"] = {str(place): text for place, text in said.edits.items()}
    for key in ("comment", "skip", "created"):
        if value := getattr(said, key):
            row[key] = value
    for key in ("active_seconds", "idle_seconds", "guideline"):
        if (value := getattr(said, key)) is not None:
            row[key] = value
    return [row | {"revision": said.revision}]


def read_rankings(row: dict[str, Any], notes: Notes) -> list[Ranking]:
    """The rankings that a judgement says: its own, and that what was written anew is better."""
    return list(read_judgement(row, notes).rankings())


def read_ratings(row: dict[str, Any], notes: Notes) -> list[Rating]:
    """The numbers that a judgement gave to aspects."""
    return list(read_judgement(row, notes).ratings())


def read_demonstrations(row: dict[str, Any], notes: Notes) -> list[Demonstration]:
    """What a judge wrote anew."""
    return list(read_judgement(row, notes).demonstrations())
