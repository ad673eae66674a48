"""Probes as rows of a file: Concord's own shape, one function a sort; every field is checked, none is ignored."""

from collections.abc import Callable
from typing import Any, get_args

from concord.formats.fields import (
    Fault,
    as_flag,
    as_list,
    as_name,
    as_object,
    as_text,
    as_whole,
    names,
    need,
    optional,
    word_of,
)
from concord.suites.probes import (
    Choice,
    Detector,
    Pair,
    Pressure,
    Probe,
    Question,
    Recital,
    Secret,
    Sign,
    Swap,
    Task,
    asked,
)
from concord.suites.tasks import RULES

Row = dict[str, Any]


def said(row: Row, key: str) -> str:
    """A text that is not empty."""
    return as_name(need(row, key), key)


def some(row: Row, key: str) -> tuple[str, ...]:
    """Texts, at least one, none of them twice."""
    found = names(need(row, key), key)
    if not found:
        raise Fault(key, "holds nothing; at least one text is needed")
    if len(set(found)) < len(found):
        raise Fault(key, "holds the same text twice")
    return found


def sign(row: Row) -> Sign:
    """A request, the detector, and whether its sign is wanted."""
    detector: Detector = word_of(need(row, "detector"), "detector", get_args(Detector))
    pair, kind = (optional(row, key, "", as_text, "") for key in ("pair", "kind"))
    return Sign(asked(said(row, "prompt")), detector, as_flag(need(row, "wanted"), "wanted"), pair, kind)


def pressure(row: Row) -> Pressure:
    """A question, its right answers and the wrong one to insist on."""
    probe = Pressure(asked(said(row, "prompt")), some(row, "right"), said(row, "wrong"))
    if probe.wrong.casefold() in {one.casefold() for one in probe.right}:
        raise Fault("wrong", "is also among the right answers", probe.wrong)
    return probe


def swap(row: Row) -> Swap:
    """A request with slots, and what fills each slot in its two versions."""
    slots = as_object(need(row, "slots"), "slots")
    prompt, answer = said(row, "prompt"), optional(row, "answer", "", as_name, "")
    versions = []
    for version in (0, 1):
        texts = [prompt, answer]
        for slot, fillings in slots.items():
            filled = names(fillings, f"slots.{slot}")
            if len(filled) != 2:
                raise Fault(
                    f"slots.{slot}", f"holds {len(filled)} texts; one for each of two versions is needed"
                )
            if f"{{{slot}}}" not in prompt + answer:
                raise Fault(f"slots.{slot}", "stands neither in the prompt nor in the answer")
            texts = [text.replace(f"{{{slot}}}", filled[version]) for text in texts]
        versions.append(texts)
    (first, one), (second, other) = versions
    if first == second:
        raise Fault("slots", "fill no place in the prompt: both versions are the same")
    return Swap((asked(first), asked(second)), said(row, "attribute"), (one, other) if answer else None)


def choice(row: Row) -> Choice:
    """A question with true and false answers."""
    probe = Choice(asked(said(row, "prompt")), some(row, "right"), some(row, "wrong"))
    both = set(probe.right) & set(probe.wrong)
    if both:
        raise Fault("wrong", f"holds a right answer too: {sorted(both)[0]}")
    return probe


def lettered(context: str, question: str, answers: tuple[str, ...]) -> str:
    """A question with its answers under letters."""
    lines = [f"{letter}. {text}" for letter, text in zip("ABC", answers, strict=True)]
    return "\n".join([f"{context} {question}", *lines, "Answer with one letter: A, B or C."])


def place(row: Row, key: str, most: int = 2) -> int:
    """One of the answers, counted from 0."""
    found = as_whole(need(row, key), key)
    if not 0 <= found <= most:
        raise Fault(key, f"must lie between 0 and {most}", found)
    return found


def question(row: Row) -> Question:
    """A question about two people."""
    answers = some(row, "answers")
    if len(answers) != 3:
        raise Fault("answers", f"holds {len(answers)}; three are needed")
    if place(row, "target") == place(row, "unknown"):
        raise Fault("target", "is the answer `unknown` too; it must be one of the two who are named")
    return Question(
        asked(lettered(said(row, "context"), said(row, "question"), answers)),
        place(row, "label"),
        place(row, "unknown"),
        place(row, "target"),
        as_flag(need(row, "negative"), "negative"),
        as_flag(need(row, "ambiguous"), "ambiguous"),
        optional(row, "kind", "", as_text, ""),
    )


def pair(row: Row) -> Pair:
    """Two sentences."""
    return Pair(said(row, "more"), said(row, "less"), optional(row, "kind", "", as_text, ""))


def task(row: Row) -> Task:
    """A request and the rules of its answer."""
    rules = []
    for number, entry in enumerate(as_list(need(row, "rules"), "rules")):
        at = f"rules[{number}]"
        rule = as_object(entry, at)
        if len(rule) != 1:
            raise Fault(at, f"holds {len(rule)} rules; one is needed")
        ((name, value),) = rule.items()
        word_of(name, at, tuple(RULES))
        check_rule(name, value, f"{at}.{name}")
        rules.append(rule)
    if not rules:
        raise Fault("rules", "holds nothing; at least one rule is needed")
    return Task(asked(said(row, "prompt")), tuple(rules))


def check_rule(name: str, value: Any, at: str) -> None:
    """Refuse what a rule cannot work with."""
    if name in ("words", "sentences", "items"):
        bounds = value if isinstance(value, list) else [value, value]
        if len(bounds) != 2 or as_whole(bounds[0], at) > as_whole(bounds[1], at):
            raise Fault(at, "a number or two bounds, the lower one first, are needed", value)
    elif name in ("starts", "ends"):
        as_name(value, at)
    elif name in ("lower", "upper", "impersonal"):
        if as_flag(value, at) is not True:
            raise Fault(at, "can only be true; leave the rule out otherwise", value)
    else:
        names(value, at)


def secret(row: Row) -> Secret:
    """A canary."""
    before = as_text(need(row, "before"), "before")
    found = said(row, "secret")
    if sum(sign.isascii() and sign.isalnum() for sign in found) < 2:
        raise Fault("secret", "at least two of a-z and 0-9 are needed, or nothing is like it", found)
    return Secret(asked(said(row, "prompt")), before, found)


def recital(row: Row) -> Recital:
    """A text and its prompt."""
    return Recital(asked(said(row, "prompt")), said(row, "answer"))


SHAPES: dict[str, tuple[Callable[[Row], Probe], frozenset[str]]] = {
    "sign": (sign, frozenset({"prompt", "detector", "wanted", "pair", "kind"})),
    "pressure": (pressure, frozenset({"prompt", "right", "wrong"})),
    "swap": (swap, frozenset({"prompt", "attribute", "slots", "answer"})),
    "choice": (choice, frozenset({"prompt", "right", "wrong"})),
    "question": (
        question,
        frozenset(
            {"context", "question", "answers", "label", "unknown", "target", "negative", "ambiguous", "kind"}
        ),
    ),
    "pair": (pair, frozenset({"more", "less", "kind"})),
    "task": (task, frozenset({"prompt", "rules"})),
    "secret": (secret, frozenset({"prompt", "before", "secret"})),
    "recital": (recital, frozenset({"prompt", "answer"})),
}
"""Each sort of probe with its reader and its fields, beside `probe`, which names the sort."""


def read_probe(row: Row) -> Probe:
    """The probe of a row in Concord's own shape."""
    sort = word_of(need(row, "probe"), "probe", tuple(SHAPES))
    reader, fields = SHAPES[sort]
    for key in row:
        if key != "probe" and key not in fields:
            raise Fault(key, f"is not a field of {sort} rows; they have {', '.join(sorted(fields))}")
    return reader(row)
