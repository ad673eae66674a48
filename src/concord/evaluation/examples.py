"""Replies to read: the first prompt of every kind before and after, and where the candidate lost most."""

from collections.abc import Sequence
from typing import Any

from concord.evaluation.answers import Row, by_prompt, kinds, meetings
from concord.evaluation.duels import verdict
from concord.evaluation.overoptimisation import apart

PROMPTS = 8
"""Prompts shown where prompts have no kinds."""

LOSSES = 4
"""Losses shown."""


def reply(row: Row) -> dict[str, Any]:
    """What a reader needs of one answer."""
    fields = ("policy", "text", "gold", "proxy", "finish", "marks")
    return {field: row.get(field) for field in fields}


def replies_to(rows: Sequence[Row], prompt_id: str, policies: Sequence[str], temperature: float) -> list[Any]:
    """The first answer of each policy to one prompt, in the order of the policies."""
    found = [by_prompt(rows, policy, temperature).get(prompt_id, []) for policy in policies]
    return [reply(answers[0]) for answers in found if answers]


def telling_prompts(rows: Sequence[Row]) -> list[Row]:
    """The first prompt of each kind in the order of their ids, which says nothing about the answers.

    New items go first where there are any. Without kinds it is the first few prompts.
    """
    new = [row for row in rows if row.get("split") == "new"]
    found = []
    for kind in kinds(rows):
        inside = [row for row in new if row.get("kind") == kind] or [
            row for row in rows if row.get("kind") == kind
        ]
        found.append(min(inside, key=lambda row: str(row["prompt_id"])))
    if found:
        return found
    unique = {row["prompt_id"]: row for row in reversed(new or rows)}
    return [unique[prompt] for prompt in sorted(unique, key=str)][:PROMPTS]


def samples(rows: Sequence[Row], policies: Sequence[str], temperature: float) -> list[dict[str, Any]]:
    """Before and after, one prompt a kind; only prompts that all of the policies answered can be chosen."""
    own = [row for row in rows if row["temperature"] == temperature]
    shared: set[str] | None = None
    for policy in policies:
        answered = set(by_prompt(own, policy, temperature))
        shared = answered if shared is None else shared & answered
    inside = [row for row in own if row["prompt_id"] in (shared or ())]
    return [
        {
            "kind": row.get("kind"),
            "split": row.get("split"),
            "prompt_id": row["prompt_id"],
            "prompt": row["prompt"],
            "replies": replies_to(inside, row["prompt_id"], policies, temperature),
        }
        for row in telling_prompts(inside)
    ]


def losses(rows: Sequence[Row], candidate: str, reference: str, temperature: float) -> list[dict[str, Any]]:
    """The answers of the candidate that the judge put below the reference's, the worst first where it gives scores."""
    found = [
        (apart(ours, theirs, "gold"), str(ours["prompt_id"]), ours, theirs)
        for ours, theirs in meetings(rows, candidate, reference, temperature)
        if verdict(ours, theirs) == 0.0
    ]
    found.sort(key=lambda item: (item[0] or 0.0, item[1]))
    return [
        {
            "kind": ours.get("kind"),
            "split": ours.get("split"),
            "prompt_id": prompt,
            "prompt": ours["prompt"],
            "change": change,
            "replies": [reply(theirs), reply(ours)],
        }
        for change, prompt, ours, theirs in found[:LOSSES]
    ]
