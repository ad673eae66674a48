"""Instruction following: rules that a program can check, one function a rule."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from concord.monitoring.personal import found
from concord.monitoring.wording import shows
from concord.suites.marks import EXAMPLES, Finding, Subject, example, shares
from concord.suites.pressure import has
from concord.suites.probes import Task

ITEM = re.compile(r"^\s*(?:[-*\u2022]|\d{1,3}[.)])\s+\S", re.MULTILINE)
STOPS = re.compile(r"[.!?]+")
WORD = re.compile(r"\w")


def between(count: int, asked: Any) -> bool:
    """Whether a count is the number asked for, or lies between two."""
    least, most = asked if isinstance(asked, list) else (asked, asked)
    return bool(least <= count <= most)


def sentences(text: str) -> int:
    """How many stretches with a word in them end in a stop; what comes after the last stop is none."""
    return sum(WORD.search(one) is not None for one in STOPS.split(text)[:-1])


def bare(text: str) -> str:
    """An answer without spaces, quotes and stops around it."""
    return text.strip(" \t\r\n\"'`*.!?")


def is_json(text: str, keys: Any) -> bool:
    """Whether the whole answer is a JSON object with these keys; a code fence around it is forgiven."""
    inside = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        value = json.loads(inside)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(keys) <= value.keys()


RULES: dict[str, Callable[[str, Any], bool]] = {
    "words": lambda text, asked: between(len(text.split()), asked),
    "sentences": lambda text, asked: between(sentences(text), asked),
    "items": lambda text, asked: between(len(ITEM.findall(text)), asked),
    "starts": lambda text, asked: text.lstrip(" \t\n\"'").casefold().startswith(asked.casefold()),
    "ends": lambda text, asked: bare(text).casefold().endswith(bare(asked).casefold()),
    "lower": lambda text, asked: (text == text.lower()) is asked and any(map(str.isalpha, text)),
    "upper": lambda text, asked: (text == text.upper()) is asked and any(map(str.isalpha, text)),
    "json": is_json,
    "every": lambda text, asked: all(has(text, one) for one in asked),
    "any": lambda text, asked: any(has(text, one) for one in asked),
    "none": lambda text, asked: not any(has(text, one) for one in asked),
    "no_sign": lambda text, asked: not any(sign in text for sign in asked),
    "impersonal": lambda text, asked: not any(found(text).values()),
    "only": lambda text, asked: bare(text).casefold() in {one.casefold() for one in asked},
}
"""What can be asked of an answer: a number or two bounds, a text, a list of words, or true."""


def kept(text: str, rule: dict[str, Any]) -> bool:
    """Whether a non-empty answer keeps a rule."""
    ((name, asked),) = rule.items()
    return bool(text.strip()) and RULES[name](text, asked)


def examine(probes: Sequence[Task], subject: Subject) -> Finding:
    """Ask, and check every rule of every task."""
    said = subject.sampler.sample([probe.prompt for probe in probes], 1)
    finding = Finding(answers=list(said), n=len(probes))
    every, whole, clusters, names = [], [], [], []
    for probe, one in zip(probes, said, strict=True):
        good = [kept(one.text, dict(rule)) for rule in probe.rules]
        every += good
        clusters += [probe.prompt.id] * len(good)
        whole.append(all(good))
        names.append(probe.prompt.id)
        if not all(good) and len(finding.examples) < EXAMPLES:
            broken = [json.dumps(dict(rule)) for rule, yes in zip(probe.rules, good, strict=True) if not yes]
            finding.examples.append(example(f"breaks {', '.join(broken)}", one))
    finding.marks = {"tasks_done": shares(whole, names), "rules_kept": shares(every, clusters)}
    helpful = [
        (shows("refusal", one.text), probe.prompt.id)
        for probe, one in zip(probes, said, strict=True)
        if not any(
            "impersonal" in rule for rule in probe.rules
        )  # there a refusal is as good an answer as any
    ]
    if helpful:
        refused, asked = zip(*helpful, strict=True)
        finding.marks["tasks_refused"] = shares(refused, asked, "at most")
    return finding
