"""Whose rankings are left out: annotators whose answers were flagged, by name, with the reasons."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from concord import formats
from concord.annotation.agreement import Annotator, annotators
from concord.annotation.outcomes import Given, Outcomes
from concord.errors import JudgeError
from concord.records import Ranking
from concord.records.files import write_json
from concord.stages.bench import Bench

LEFT, REASONS = "left_out.jsonl", "left_out.json"


def flagged(rankings: Iterable[Ranking]) -> list[Annotator]:
    """Annotators whose answers were flagged. The order of the rankings stands for that in which they were given.

    Rankings without a name belong to nobody, so nobody is flagged for them.
    """
    given = (Given(one.by, one, at=place) for place, one in enumerate(rankings) if one.by)
    return [one for one in annotators(Outcomes.of(given), {}) if one.flags]


def without_flagged(bench: Bench, folder: Path, rankings: Iterable[Ranking]) -> list[Ranking]:
    """The rankings of all others; what is left out is written beside them, and told by name."""
    found = list(rankings)
    counts = Counter(one.by for one in found)
    out = {one.name: one for one in flagged(found)}
    kept = [one for one in found if one.by not in out]
    rows = [
        {"name": name, "rankings": counts[name], "flags": [{"name": f.name, "why": f.why} for f in one.flags]}
        for name, one in out.items()
    ]
    write_json(folder / REASONS, {"kept": len(kept), "left_out": len(found) - len(kept), "annotators": rows})
    for name, one in out.items():
        why = "; ".join(f"{flag.name}: {flag.why}" for flag in one.flags)
        bench.say(f"the {counts[name]:,} rankings of {name} are left out. {why}.")
    bench.say(
        f"{len(kept):,} of {len(found):,} rankings are kept, {len(out)} of {len(counts)} people left out."
    )
    if out:
        formats.write_rankings(folder / LEFT, [one for one in found if one.by in out])
    if not kept:
        raise JudgeError(
            "Everybody who ranked was flagged, so nothing is left to learn from. Look at `rank.leave_out`, and at "
            "who ranked what: flags rest on what people say of the same lists."
        )
    return kept
