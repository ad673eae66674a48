"""All comparisons of many policies: the league, rates with style held equal, people's word, tests, the frontier."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from concord.errors import RecordError
from concord.evaluation.answers import Row
from concord.evaluation.controlled import controlled
from concord.evaluation.duels import Duel, of_all
from concord.evaluation.frontier import frontier
from concord.evaluation.gaming import aside, sameness
from concord.evaluation.league import league
from concord.evaluation.paired import compared
from concord.evaluation.predicted import people
from concord.evaluation.summary import Summary
from concord.settings.comparing import REFERENCES


def comparing(
    rows: Sequence[Row],
    said: Sequence[Mapping[str, Any]],
    summaries: Sequence[Summary],
    names: Sequence[str],
    chief: Mapping[str, Any],
) -> dict[str, Any]:
    """What a report says of all policies together, at the temperature that it speaks of.

    `said` are people's comparisons of two policies' answers, and `chief` names candidate, reference and temperature.
    """
    candidate, reference, temperature = (chief[name] for name in ("candidate", "reference", "temperature"))
    own = [row for row in rows if row["temperature"] == temperature]
    duels = of_all(own, names, temperature)
    against = dict.fromkeys((reference, *(name for name in REFERENCES if name in names)))
    others = [name for name in dict.fromkeys((*against, *names)) if name != candidate]
    alike = [sameness(name, texts) for name, texts in answers(own, names)]
    left = aside(alike)
    return {
        "controlled": [controlled(some, left) for name in against if (some := facing(duels, name))],
        "league": standings(duels, reference, left),
        "people": people(own, said, candidate, reference, temperature),
        "tests": [asdict(test) for test in compared(own, candidate, others, temperature)],
        "frontier": frontier(summaries, temperature),
        "gaming": [asdict(one) for one in alike],
    }


def answers(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What each policy said, as (prompt, text)."""
    return [
        (name, [(str(row["prompt_id"]), str(row["text"])) for row in rows if row["policy"] == name])
        for name in names
    ]


def facing(duels: Sequence[Duel], name: str) -> list[Duel]:
    """The duels with one model, which always stands second."""
    return [duel if duel.b == name else turned(duel) for duel in duels if name in (duel.a, duel.b)]


def turned(duel: Duel) -> Duel:
    """The same duel seen from the other side."""
    looked = None if duel.texts is None else (duel.texts[1], duel.texts[0])
    return Duel(duel.prompt, duel.b, duel.a, 1 - duel.share, looked)


def standings(duels: Sequence[Duel], anchor: str, left: Mapping[str, str]) -> dict[str, Any] | None:
    """The league of all that are not left out, as a report keeps it, or why there is none; None if nobody met."""
    if not duels:
        return None
    inside = [duel for duel in duels if duel.a not in left and duel.b not in left]
    try:
        if anchor in left:
            raise RecordError(
                f"{anchor}, from which all are measured, {left[anchor]}. Measure from another model."
            )
        if not inside:
            raise RecordError(f"all but {anchor} are left out: {', '.join(left)}.")
        found = asdict(league(inside, anchor))
    except RecordError as error:
        return {"anchor": anchor, "standings": [], "refused": str(error)}
    return {**found, "unrated": {**found["unrated"], **left}, "refused": None}
