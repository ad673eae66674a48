"""Which questions people should rank next, and why each."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from concord.monitoring.drift import Drift, Reference, values
from concord.monitoring.seen import Seen
from concord.records import Prompt

LOW = 0.05
"""A reward is low below this share of the reference's."""
TENTH = 0.1
"""Of the questions of a window in which topics changed, so many are the most unlike."""


def reasons(drift: Drift, rows: Sequence[Seen], reference: Reference) -> dict[int, list[str]]:
    """For each request that deserves it, by its place, why it should be ranked."""
    found: dict[int, list[str]] = {}

    def because(places: Iterable[int], reason: str) -> None:
        for place in places:
            found.setdefault(place, []).append(reason)

    fair = [
        place
        for place, one in enumerate(rows)
        if one.reward is not None and one.scored_by == reference.scored_by
    ]
    known = values(reference.rows, lambda one: one.reward)
    low = float(np.quantile(known, LOW)) if known else None
    middle = float(np.median(known)) if known else None
    because((place for place, one in enumerate(rows) if one.thumbs is False), "thumbs down")
    because((place for place, one in enumerate(rows) if one.correction), "corrected")
    if low is not None and middle is not None:
        rewards = {place: rows[place].reward or 0.0 for place in fair}
        because((place for place in fair if rewards[place] < low), "low reward")
        down = (place for place in fair if rows[place].thumbs is False and rewards[place] > middle)
        because(down, "people and the reward model disagree")
        up = (place for place in fair if rows[place].thumbs and rewards[place] < low)
        because(up, "people and the reward model disagree")
    for window in drift.windows:
        changed = any(one.measure.startswith("topic") for one, _ in window.alarms(drift.level))
        if changed and window.unlike is not None:
            order = np.argsort(window.unlike)[::-1][: max(1, round(TENTH * len(window.rows)))]
            because((window.first + int(place) for place in order), "unlike the evaluation")
    return found


def to_rank(
    drift: Drift, rows: Sequence[Seen], reference: Reference, most: int
) -> tuple[list[Prompt], list[dict[str, Any]]]:
    """Different questions with the most reasons first, the newest of equals; as prompts, and with the reasons."""
    why = reasons(drift, rows, reference)
    order = sorted(why, key=lambda place: (-len(why[place]), -place))
    prompts: dict[str, Prompt] = {}
    told = []
    for place in order:
        one = rows[place]
        if one.messages and one.prompt_id not in prompts and len(prompts) < most:
            prompts[one.prompt_id] = Prompt(one.messages, one.prompt_id, (why[place][0].replace(" ", "-"),))
            told.append({"id": one.id, "prompt_id": one.prompt_id, "asked": one.asked, "because": why[place]})
    return list(prompts.values()), told
