"""Open-Assistant's message trees: every ranking that a person made of the assistant's replies to one message."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, checked, different
from concord.formats.fields import Fault, as_list, as_name, as_object, as_text, below, need, optional
from concord.formats.orders import Tiers, tiers_by
from concord.formats.rows import Notes
from concord.records import Completion, Demonstration, Message, Ranking, Role

SPEAKERS: dict[str, Role] = {"prompter": "user", "assistant": "assistant"}
TREE = frozenset({"message_tree_id", "prompt"})


@dataclass(frozen=True, slots=True)
class Node:
    """One message of a tree with the way to it, and its replies."""

    name: str
    at: str
    path: tuple[Message, ...]
    row: dict[str, Any]
    replies: tuple["Node", ...]

    def walk(self) -> Iterator["Node"]:
        """This message and all below it."""
        yield self
        for reply in self.replies:
            yield from reply.walk()


def tree(row: dict[str, Any], notes: Notes) -> Node:
    """The messages of a row; the ways of its emojis, labels and reviews are not followed."""
    notes.unknown(row, TREE)
    root = node(need(row, "prompt"), "prompt", (), 0)
    if root.path[-1].role != "user":
        raise Fault("prompt.role", "a tree begins with a prompter's message", root.row.get("role"))
    return root


def node(value: Any, at: str, before: tuple[Message, ...], depth: int) -> Node:
    """One message and all that answers it; deleted replies are left out, as their tree leaves them out."""
    row = as_object(value, at)
    if depth > 100:
        raise Fault(at, "the tree is more than 100 messages deep")
    who = fields.word_of(need(row, "role", at), below(at, "role"), tuple(SPEAKERS))
    said = Message(SPEAKERS[who], answer(need(row, "text", at), below(at, "text")))
    path = (*before, said)
    replies = tuple(
        node(reply, f"{at}.replies[{place}]", path, depth + 1)
        for place, reply in enumerate(optional(row, "replies", at, as_list, list[Any]()))
        if not as_object(reply, f"{at}.replies[{place}]").get("deleted")
    )
    name = as_name(need(row, "message_id", at), below(at, "message_id"))
    return Node(name, at, path, row, replies)


def asked(row: dict[str, Any], notes: Notes) -> Iterator[tuple[Node, tuple[Completion, ...]]]:
    """Every message that the assistant answered more than once, and the answers."""
    for one in tree(row, notes).walk():
        replies = [reply for reply in one.replies if reply.path[-1].role == "assistant"]
        if one.path[-1].role == "user" and len(replies) > 1:
            prompt = notes.prompt(checked(one.path, one.at, notes), "", (), "")
            yield (
                one,
                tuple(
                    Completion(
                        prompt,
                        reply.path[-1].content,
                        by=optional(reply.row, "model_name", reply.at, as_text, ""),
                    )
                    for reply in replies
                ),
            )


def read_oasst(row: dict[str, Any], notes: Notes) -> list[Ranking]:
    """Each person's ranking of replies; where only the ranks of all together are kept, those."""
    found: list[Ranking] = []
    events = list(ranking_events(row, notes))
    for one, answers in asked(row, notes):
        replies = [reply for reply in one.replies if reply.path[-1].role == "assistant"]
        names = {reply.name: place for place, reply in enumerate(replies)}
        own = [event for event in events if set(event[1]) & names.keys()]
        for at, order, by, bad in own:
            tiers: Tiers = tuple((names[name],) for name in dict.fromkeys(order) if name in names)
            if len(tiers) > 1:
                different(answers, at, notes)
                found.append(Ranking(answers[0].prompt, answers, tiers, by=by, all_bad=bad))
        if not own:
            ranks = [optional(reply.row, "rank", reply.at, as_rank, None) for reply in replies]
            tiers = tiers_by(ranks, lower=True)
            if len(tiers) > 1:
                different(answers, one.at, notes)
                notes.warn("the rankings of single people are not there; the ranks of all together were read")
                found.append(Ranking(answers[0].prompt, answers, tiers))
    if not found:
        notes.warn("a tree holds no ranking of the assistant's replies")
    return found


def as_rank(value: Any, at: str) -> float | None:
    """A place, counted from 0."""
    return float(fields.as_whole(value, at))


def ranking_events(row: dict[str, Any], notes: Notes) -> Iterator[tuple[str, tuple[str, ...], str, bool]]:
    """The rankings that people made anywhere in a tree: where, the messages best first, who, and if all are bad."""
    for one in tree(row, Notes()).walk():
        kinds = optional(one.row, "events", one.at, as_object, dict[str, Any]())
        for place, value in enumerate(
            optional(kinds, "ranking", below(one.at, "events"), as_list, list[Any]())
        ):
            at = f"{one.at}.events.ranking[{place}]"
            event = as_object(value, at)
            order = fields.names(need(event, "ranked_message_ids", at), below(at, "ranked_message_ids"))
            by = optional(event, "user_id", at, as_text, "")
            yield at, order, by, optional(event, "not_rankable", at, fields.as_flag, False)


def read_oasst_best(row: dict[str, Any], notes: Notes) -> list[Demonstration]:
    """The assistant's replies that people ranked first, or that stand alone, if a person wrote them."""
    found = []
    for one in tree(row, notes).walk():
        replies = [reply for reply in one.replies if reply.path[-1].role == "assistant"]
        best = [reply for reply in replies if len(replies) == 1 or reply.row.get("rank") == 0]
        for reply in best:
            if not reply.row.get("synthetic"):
                prompt = notes.prompt(checked(one.path, one.at, notes), "", (), "")
                by = optional(reply.row, "user_id", reply.at, as_text, "")
                found.append(Demonstration(prompt, reply.path[-1].content, by))
    return found
