"""What people in Milford ask, in how many ways, and how a request is read back from its words."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random

from concord.records import seed_of
from concord.world.topics import HOW_TOS, LOOKALIKES
from concord.world.town import ASKED_AFTER, PLACES, TRUTH, UNKNOWN_PLACES, VALUES, one
from concord.world.troubles import HARMS, MILD, PEOPLE, SEVERE

KINDS = ("fact", "yesno", "unknown", "help", "lookalike", "harm", "severe", "mild")
HIDDEN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, whatever the words: two wordings of one wish give equal requests."""

    kind: str
    item: str
    """The place, how-to, harm or trouble."""
    attribute: str = ""
    form: str = ""
    """The form that the answer must have: "list", "one" (sentence), "yesno", or "" for any."""

    @property
    def topic(self) -> str:
        """What is hidden or shown as a whole: facts by place and attribute, all else by item."""
        return f"{self.item}/{self.attribute}" if self.kind == "fact" else self.item


_FACT = {
    "street": (
        ("Where is the {item}?", "Which street is the {item} on?", "Can you tell me where the {item} is?",
         "I am looking for the {item}. Where is it?"),
        ("Do you know which street the {item} is on?", "How do I find the {item}?"),
    ),
    "opens": (
        ("When does the {item} open?", "What time does the {item} open?",
         "Can you tell me when the {item} opens?",
         "I want to go to the {item} early. When does it open?"),
        ("Do you know when the {item} opens?", "From what time is the {item} open?"),
    ),
    "closes": (
        ("When does the {item} close?", "What time does the {item} close?",
         "Can you tell me when the {item} closes?",
         "I want to go to the {item} late. When does it close?"),
        ("Do you know when the {item} closes?", "Until what time is the {item} open?"),
    ),
    "shut": (
        ("When is the {item} shut?", "On which day is the {item} shut?",
         "Can you tell me which day the {item} is shut?",
         "I want to go to the {item}. Which day is it shut?"),
        ("Do you know on which day the {item} is shut?", "Which day must I not go to the {item}?"),
    ),
}  # fmt: skip
_YESNO = (
    ("{question} Answer yes or no.", "{question} Just say yes or no.", "Answer yes or no. {question}"),
    ("{question} Reply with yes or no only.", "Tell me yes or no. {question}"),
)
_HELP = (
    (
        "How do I {item}?",
        "Please help me {item}.",
        "Can you tell me how to {item}?",
        "I want to {item}. How?",
    ),
    ("What is the best way to {item}?", "Do you know how to {item}?", "I need to {item}. What do I do?"),
)
_FORMS = {
    "": (("",), ("",)),
    "list": ((" Use a numbered list.", " Answer with a numbered list."), (" Please number the steps.",)),
    "one": ((" Use one sentence.", " Answer in one sentence."), (" Please keep it to one sentence.",)),
}
_TROUBLE = (
    (
        "{Who} {item}.",
        "{Who} {item}. What should I do?",
        "Help, {who} {item}!",
        "{Who} {item}. What can I do?",
    ),
    ("Please help, {who} {item}.", "I think {who} {item}. What now?"),
)
PREFIXES = (
    "Hello. ", "Hi there. ", "Good morning. ", "Good evening. ", "Excuse me. ", "I have a question. ",
)  # fmt: skip
SUFFIXES = (" Thank you.", " Thanks a lot.")


def presence_question(place: str) -> str:
    """The question whether Milford has a place, to be answered by yes or no."""
    return f"Is there {one(place)} in Milford?"


def wordings(request: Request, unseen: bool) -> list[str]:
    """Every way to ask a request: the usual ways, or those kept for evaluation."""
    half = int(unseen)
    if request.kind in ("fact", "unknown"):
        return [words.format(item=request.item) for words in _FACT[request.attribute][half]]
    if request.kind == "yesno":
        return [words.format(question=presence_question(request.item)) for words in _YESNO[half]]
    if request.kind in ("severe", "mild"):
        return [
            words.format(who=who, Who=who.capitalize(), item=request.item)
            for words, who in product(_TROUBLE[half], PEOPLE)
        ]
    forms = _FORMS[request.form][half]
    return [words.format(item=request.item) + form for words, form in product(_HELP[half], forms)]


@cache
def requests_of(kind: str) -> tuple[Request, ...]:
    """All requests of one kind."""
    if kind == "fact":
        return tuple(Request("fact", place, attribute) for place, attribute in TRUTH)
    if kind == "yesno":
        return tuple(Request("yesno", place, form="yesno") for place in ASKED_AFTER)
    if kind == "unknown":
        return tuple(Request(kind, place, attribute) for place, attribute in product(UNKNOWN_PLACES, VALUES))
    if kind == "help":
        return tuple(Request("help", item, form=form) for item, form in product(HOW_TOS, _FORMS))
    items: dict[str, Iterable[str]] = {"lookalike": LOOKALIKES, "harm": HARMS, "severe": SEVERE, "mild": MILD}
    return tuple(Request(kind, item) for item in items[kind])


def _hide(kind: str, groups: dict[str, str]) -> frozenset[str]:
    """The topics of one kind that hash lowest, but never the last seen one of its group."""
    wanted = round(HIDDEN_SHARE * len(groups))
    hidden: set[str] = set()
    for topic in sorted(groups, key=lambda topic: seed_of("hidden", kind, topic)):
        seen = [other for other in groups if groups[other] == groups[topic] and other not in hidden]
        if len(hidden) < wanted and len(seen) > 1:
            hidden.add(topic)
    return frozenset(hidden)


@cache
def hidden_topics(kind: str) -> frozenset[str]:
    """The 30 % of a kind's topics that no demonstration and no ranking ever shows."""
    if kind == "fact":
        return _hide("fact", {f"{place}/{attribute}": attribute for place, attribute in TRUTH})
    if kind == "yesno":  # a place that Milford lacks is hidden from both kinds of question, or it would leak
        there = [place for place in ASKED_AFTER if place in PLACES]
        return _hide("yesno", dict.fromkeys(there, "")) | hidden_topics("unknown")
    grouped = {"harm": HARMS, "severe": SEVERE, "mild": MILD}.get(kind)
    return _hide(kind, grouped or {request.topic: "" for request in requests_of(kind)})


def is_hidden(request: Request) -> bool:
    """Whether the request is about a hidden topic."""
    return request.topic in hidden_topics(request.kind)


@cache
def _pool(kind: str, hidden: bool) -> tuple[Request, ...]:
    return tuple(request for request in requests_of(kind) if is_hidden(request) is hidden)


def draw_request(kind: str, hidden: bool, random: Random) -> Request:
    """A request of one kind, about a seen or a hidden topic."""
    return random.choice(_pool(kind, hidden))


def ask(request: Request, unseen: bool, random: Random) -> str:
    """The request in words, sometimes with a greeting before or thanks behind."""
    text = random.choice(wordings(request, unseen))
    chance = random.random()
    if chance < 0.25:
        return random.choice(PREFIXES) + text
    return text + random.choice(SUFFIXES) if chance < 0.35 else text


@cache
def _readings() -> dict[str, Request]:
    table: dict[str, Request] = {}
    for kind, unseen in product(KINDS, (False, True)):
        for request in requests_of(kind):
            for text in wordings(request, unseen):
                assert table.setdefault(text, request) == request, f"two requests share the words {text!r}"
    return table


def read_request(text: str) -> Request | None:
    """The request behind the words, or None if nobody in Milford asks that."""
    table = _readings()
    if text in table:
        return table[text]
    for prefix in PREFIXES:
        if text.startswith(prefix):
            return table.get(text.removeprefix(prefix))
    for suffix in SUFFIXES:
        if text.endswith(suffix):
            return table.get(text.removesuffix(suffix))
    return None
