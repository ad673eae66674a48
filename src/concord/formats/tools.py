"""What annotation tools export: Label Studio's rankers and buckets, Argilla's ranking questions."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, different, message_rows, plain_prompt, prompt_of
from concord.formats.fields import Fault, as_list, as_object, as_text, below, need, optional
from concord.formats.lists import entries
from concord.formats.losses import Losses
from concord.formats.orders import listable, tiers_by
from concord.formats.rows import Notes
from concord.records import Completion, Prompt, Ranking

TASK = frozenset({"id", "data", "annotations"})
ASKED = ("messages", "prompt", "instruction", "question", "text")
"""Fields that hold the prompt: each project names its own, so the first of these that is there is taken."""
ITEM = frozenset({"id", "title", "body"})
RECORD = frozenset({"id", "status", "fields", "responses"})
QUESTION = "ranking"


def asked(data: dict[str, Any], at: str, notes: Notes) -> tuple[str, Prompt]:
    """The field that holds the prompt, as a text or a dialogue, and the prompt."""
    for key in ASKED:
        if isinstance(data.get(key), list):
            return key, prompt_of(data[key], below(at, key), notes)
        if data.get(key) is not None:
            return key, plain_prompt(data[key], below(at, key), notes)
    raise Fault(at, f"has no field for the prompt; name it one of {', '.join(ASKED)}")


def read_studio(row: dict[str, Any], notes: Notes) -> list[Ranking]:
    """A task of Label Studio as one ranking for each annotation that was not cancelled."""
    notes.unknown(
        {key: value for key, value in row.items() if value}, TASK
    )  # an export names what is empty, too
    data = as_object(need(row, "data"), "data")
    key, prompt = asked(data, "data", notes)
    lists = [name for name, value in data.items() if name != key and is_items(value)]
    if len(lists) != 1:
        raise Fault("data", f"has {len(lists)} lists of items with an id each; one is ranked")
    found = entries(data[lists[0]], f"data.{lists[0]}")
    names = [item_name(need(entry, "id", at), below(at, "id")) for at, entry in found]
    answers = tuple(Completion(prompt, item_text(entry, at, notes)) for at, entry in found)
    different(answers, f"data.{lists[0]}", notes)
    rankings = []
    for at, annotation in entries(need(row, "annotations"), "annotations"):
        if annotation.get("was_cancelled"):
            notes.warn("annotations that were cancelled are not read")
            continue
        by = annotation.get("completed_by")
        who = item_name(by, below(at, "completed_by")) if isinstance(by, int | str) else ""
        for where, result in entries(need(annotation, "result", at), below(at, "result")):
            tiers = studio_tiers(result, where, names)
            if len(tiers) > 1 or (tiers and len(tiers[0]) > 1):
                rankings.append(Ranking(prompt, answers, tiers, by=who))
    if not rankings:
        notes.warn("a task holds no ranking: nobody did it, or all who did cancelled it")
    return rankings


def is_items(value: Any) -> bool:
    """Whether a value is a list of objects with an id each."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and "id" in one for one in value)
    )


def item_name(value: Any, at: str) -> str:
    """An id, which is written as a text or as a number."""
    return str(value) if type(value) is int else fields.as_name(value, at)


def item_text(entry: dict[str, Any], at: str, notes: Notes) -> str:
    """The text of an item: its body, or its title if it has no body."""
    notes.unknown(entry, ITEM, "data.items[…]")
    key = "body" if entry.get("body") is not None else "title"
    return answer(need(entry, key, at), below(at, key))


def studio_tiers(result: dict[str, Any], at: str, names: list[str]) -> tuple[tuple[int, ...], ...]:
    """The tiers of a ranker: single answers in a list, or its buckets in their order."""
    kind = as_text(need(result, "type", at), below(at, "type"))
    if kind == "pairwise":
        raise Fault(at, "is a choice of left or right, but the export does not say which texts stood there")
    if kind != "ranker":
        return ()
    where = f"{at}.value.ranker"
    order = need(as_object(need(result, "value", at), f"{at}.value"), "ranker", f"{at}.value")
    if isinstance(order, dict):
        # "_" is the list that answers were not moved out of.
        groups = [
            (f"{where}.{name}", as_list(ids, f"{where}.{name}")) for name, ids in order.items() if name != "_"
        ]
    else:
        groups = [(f"{where}[{place}]", [one]) for place, one in enumerate(as_list(order, where))]
    seen: set[str] = set()
    tiers = []
    for here, ids in groups:
        named = [item_name(one, here) for one in ids]
        for name in named:
            if name not in names:
                raise Fault(here, "no item has this id", name)
            if name in seen:
                raise Fault(here, "the item is named twice", name)
            seen.add(name)
        if named:
            tiers.append(tuple(sorted(names.index(name) for name in named)))
    return tuple(tiers)


def write_studio(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking as a task with one annotation; ties and answers that are not ranked make it buckets."""
    held = listable(ranking, losses, "unranked", "by")
    if not held:
        return []
    names = [f"c{place}" for place in range(1, len(held) + 1)]
    levels: dict[int, list[str]] = {}
    for name, (_, level) in zip(names, held, strict=True):
        if level is not None:
            levels.setdefault(level, []).append(name)
    plain = all(len(tier) == 1 for tier in levels.values()) and len(levels) == len(held)
    order: Any = [levels[level][0] for level in sorted(levels)]
    if not plain:
        order = {f"tier {level + 1}": levels[level] for level in sorted(levels)}
    result = {"type": "ranker", "from_name": "rank", "to_name": "items", "value": {"ranker": order}}
    data = asked_row(ranking.prompt) | {
        "items": [{"id": name, "body": one.text} for name, (one, _) in zip(names, held, strict=True)]
    }
    annotation = ({"completed_by": ranking.by} if ranking.by.strip() else {}) | {
        "was_cancelled": False,
        "result": [result],
    }
    return [{"data": data, "annotations": [annotation]}]


def asked_row(prompt: Prompt) -> dict[str, Any]:
    """A prompt as the field of a task: a text, or a dialogue where it is one."""
    if len(prompt.messages) == 1:
        return {"prompt": prompt.messages[0].content}
    return {"messages": message_rows(prompt.messages)}


def read_argilla(row: dict[str, Any], notes: Notes) -> list[Ranking]:
    """A record of Argilla as one ranking for each submitted response to a ranking question."""
    notes.unknown({key: value for key, value in row.items() if value}, RECORD)
    held = as_object(need(row, "fields"), "fields")
    _, prompt = asked(held, "fields", notes)
    rankings = []
    for question, values in as_object(need(row, "responses"), "responses").items():
        for at, response in entries(values, below("responses", question)):
            if response.get("status") not in (None, "submitted"):
                notes.warn("responses that were not submitted are not read")
                continue
            value = need(response, "value", at)
            if isinstance(value, list):
                by = optional(response, "user_id", at, as_text, "")
                rankings.append(argilla_ranking(prompt, held, value, below(at, "value"), by, notes))
    if not rankings:
        notes.warn("a record holds no submitted ranking")
    return rankings


def argilla_ranking(
    prompt: Prompt, held: dict[str, Any], value: list[Any], at: str, by: str, notes: Notes
) -> Ranking:
    """One response: the names of fields with a rank each; equal ranks are a tie."""
    if value and all(isinstance(one, str) for one in value):
        # Argilla's SDK drops the ranks on export and keeps the order in which the answers were defined.
        raise Fault(
            at,
            "holds names without ranks, for the SDK's export loses them; take the records from the server's API",
        )
    answers, ranks = [], []
    for where, one in entries(value, at):
        name = as_text(need(one, "value", where), below(where, "value"))
        if name not in held:
            raise Fault(below(where, "value"), "no field has this name", name)
        answers.append(Completion(prompt, answer(held[name], below("fields", name))))
        ranks.append(optional(one, "rank", where, as_place, None))
    tiers = tiers_by(ranks, lower=True)
    if sum(map(len, tiers)) < 2:
        raise Fault(at, f"ranks {sum(map(len, tiers))} of {len(answers)} answers, so it prefers nothing")
    different(tuple(answers), at, notes)
    return Ranking(prompt, tuple(answers), tiers, by=by)


def as_place(value: Any, at: str) -> float | None:
    """A rank, of which 1 is the best."""
    return float(fields.as_whole(value, at))


def write_argilla(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """A ranking as a record with one submitted response."""
    held = listable(ranking, losses, "unranked", "by")
    if not held:
        return []
    names = [f"response-{place}" for place in range(1, len(held) + 1)]
    values = [
        {"value": name, "rank": None if level is None else level + 1}
        for name, (_, level) in zip(names, held, strict=True)
    ]
    response: dict[str, Any] = {"value": values, "status": "submitted"}
    response |= {"user_id": ranking.by} if ranking.by else {}
    texts = {name: one.text for name, (one, _) in zip(names, held, strict=True)}
    return [{"fields": asked_row(ranking.prompt) | texts, "responses": {QUESTION: [response]}}]
