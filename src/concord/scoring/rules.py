"""Rules as a scorer: what can be checked without an opinion, such as a right result, a form or a length."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Protocol

from concord.errors import RecordError, SettingsError
from concord.records import Completion, Demonstration
from concord.scoring.searching import Searcher
from concord.settings import Contains, Length, Matches, RightAnswer, ValidJson
from concord.settings.judging import Rule

NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d{1,40}(?:,\d{3}){0,12}(?:\.\d{1,40})?|\.\d{1,40})"
    r"(?:[eE][-+]?\d{1,2})?(?:\s?/\s?\d{1,40})?(?!\d|[eE][-+]?\d)"
)
"""A number as people write it; one that is longer is none, so that no text makes a slow or a vast one."""
MINUS = "\N{MINUS SIGN}"
TAIL = 20_000
"""Characters at an answer's end in which its result is looked for."""

Results = Mapping[str, str]
"""The right result of each prompt, by the prompt's id."""


class Check(Protocol):
    """One rule made ready."""

    def __call__(self, completion: Completion) -> bool | None:
        """Whether an answer keeps the rule; None if that could not be found out in time."""
        ...


@dataclass
class Rules:
    """A scorer that adds up the worths of the rules that an answer keeps."""

    checks: Sequence[tuple[str, float, Check]]
    """Name, worth and check of each rule."""
    unfinished: dict[str, int] = field(default_factory=dict)
    """How often a rule could not be checked in time, by its name; it then earned nothing."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The sum of the worths of the kept rules for each completion."""
        return [self._score(one) for one in completions]

    def _score(self, completion: Completion) -> float:
        total = 0.0
        for name, worth, check in self.checks:
            kept = check(completion)
            if kept is None:
                self.unfinished[name] = self.unfinished.get(name, 0) + 1
            elif kept:
                total += worth
        return total


def rules(asked: Sequence[Rule], results: Callable[[str], Results]) -> Rules:
    """The rules of some settings; `results` reads a file of right results by the name that the settings give."""
    if not asked:
        raise SettingsError("There are no rules to score by. Name at least one in `rules`.")
    checks = [
        (f"{place + 1} ({one.method})", one.worth, RULES[one.method](one, results))
        for place, one in enumerate(asked)
    ]
    return Rules(checks)


def matches(asked: Matches, results: Callable[[str], Results]) -> Check:
    """Whether a pattern stands in the answer; the search is killed when its time is over."""
    try:
        re.compile(asked.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise SettingsError(
            f"The pattern {asked.pattern!r} is no regular expression: {error}. Correct it."
        ) from None
    searcher = Searcher()

    def check(completion: Completion) -> bool | None:
        found = searcher.search(asked.pattern, completion.text, asked.whole, asked.seconds)
        return None if found is None else found is asked.wanted

    return check


def contains(asked: Contains, results: Callable[[str], Results]) -> Check:
    """Whether all wanted words stand in the answer and none of the others."""
    every, none = ([one.casefold() for one in some] for some in (asked.every, asked.none))

    def check(completion: Completion) -> bool:
        text = completion.text.casefold()
        return all(one in text for one in every) and not any(one in text for one in none)

    return check


def length(asked: Length, results: Callable[[str], Results]) -> Check:
    """Whether the answer's length lies within its bounds."""
    if asked.most is not None and asked.most < asked.least:
        raise SettingsError(f"A length of at least {asked.least} and at most {asked.most} cannot be.")

    def check(completion: Completion) -> bool:
        count = len(completion.text.split()) if asked.of == "words" else len(completion.text)
        return asked.least <= count and (asked.most is None or count <= asked.most)

    return check


def answer(asked: RightAnswer, results: Callable[[str], Results]) -> Check:
    """Whether the answer gives the known result of its prompt."""
    right = results(asked.answers)

    def check(completion: Completion) -> bool:
        wanted = right.get(completion.prompt.id)
        if wanted is None:
            raise RecordError(
                f"{asked.answers} has no right result for prompt {completion.prompt.id}, so an answer to it cannot "
                "be checked. Add it, or leave the prompt out."
            )
        if asked.kind == "number" and number(wanted) is None:
            raise RecordError(
                f"{asked.answers}: the right result for prompt {completion.prompt.id} is {wanted[:40]!r}, which "
                "holds no number. Correct it, or set the rule's `kind` to exact."
            )
        said = result(completion.text, asked.after)
        if said is None:
            return False
        if asked.kind == "exact":
            return plain(said) == plain(wanted)
        return close(number(said), number(wanted), asked.tolerance)

    return check


def valid_json(asked: ValidJson, results: Callable[[str], Results]) -> Check:
    """Whether the whole answer is JSON, with certain keys if they are asked for."""

    def check(completion: Completion) -> bool:
        try:
            value: Any = json.loads(completion.text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return False
        return not asked.keys or (isinstance(value, dict) and all(key in value for key in asked.keys))

    return check


RULES: dict[str, Callable[[Any, Callable[[str], Results]], Check]] = {
    "matches": matches,
    "contains": contains,
    "length": length,
    "answer": answer,
    "json": valid_json,
}
"""Every rule by its name."""


def right_results(demonstrations: Sequence[Demonstration], source: str) -> Results:
    """The right results in a file of demonstrations: one a prompt."""
    found: dict[str, str] = {}
    for one in demonstrations:
        if found.setdefault(one.prompt.id, one.text) != one.text:
            raise RecordError(f"{source} gives prompt {one.prompt.id} two right results. Keep one of them.")
    return found


def result(text: str, after: str) -> str | None:
    """The part of an answer that holds its result: what follows the last mark, or all; None without the mark."""
    if not after:
        return text
    _, mark, rest = text.rpartition(after)
    return rest if mark else None


def plain(text: str) -> str:
    """A text whatever its case, spacing and final full stop."""
    return " ".join(text.casefold().split()).rstrip(".").strip()


def number(text: str) -> Fraction | None:
    """The last number in a text, exactly; None if there is none. Thousands may stand apart by commas."""
    found = NUMBER.findall(text[-TAIL:].replace(MINUS, "-"))
    if not found:
        return None
    upper, _, lower = found[-1].replace(",", "").replace(" ", "").partition("/")
    try:
        value = Fraction(Decimal(upper))
        return value / int(lower) if lower else value
    except (InvalidOperation, ZeroDivisionError, ValueError):
        return None


def close(said: Fraction | None, wanted: Fraction | None, tolerance: float) -> bool:
    """Whether two numbers are as near as they need be."""
    if said is None or wanted is None or not math.isfinite(tolerance):
        return False
    return abs(said - wanted) <= Fraction(tolerance)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
