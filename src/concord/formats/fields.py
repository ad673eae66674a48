"""Single values of a row: each is taken as exactly one type, or the row is at fault with the reason."""

import difflib
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 1_000_000
"""Characters a text may have: tokenisers take more than twice the time for twice the text."""
LARGEST = 2**63 - 1
"""Whole numbers beyond this fit no table, no tensor and no seed."""
WIDTH = 60
"""Characters of a wrong value that a message repeats."""
NOTHING = object()


class Fault(Exception):
    """Why one row cannot be taken: the field, its value and the reason."""

    def __init__(self, field: str, reason: str, value: object = NOTHING) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason if value is NOTHING else f"is {shown(value)}; {reason}"

    def __str__(self) -> str:
        return f"`{self.field}` {self.reason}" if self.field else self.reason


def visible(text: str) -> str:
    """The same text with what a terminal would not print, or would obey, spelt out."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def shown(value: object) -> str:
    """A value as a message repeats it: short, on one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        inside = visible(value[: WIDTH + 1])
        return f'"{inside[:WIDTH]}…"' if len(inside) > WIDTH else f'"{inside}"'
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    return text if len(text) <= WIDTH else text[:WIDTH] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that someone who wrote `word` most likely meant."""
    found = difflib.get_close_matches(word[:WIDTH].lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def below(at: str, key: str) -> str:
    """The path of a key inside a field."""
    return f"{at}.{key}" if at else key


def need(row: dict[str, Any], key: str, at: str = "") -> Any:
    """The value of a key that must be there."""
    if key in row:
        return row[key]
    meant = nearest(key, row)
    raise Fault(below(at, key), f"is missing; is `{meant}` meant to be it?" if meant else "is missing")


def optional(row: dict[str, Any], key: str, at: str, take: Callable[[Any, str], T], default: T) -> T:
    """The value of a key that may be absent or null."""
    value = row.get(key)
    return default if value is None else take(value, below(at, key))


def as_text(value: Any, at: str) -> str:
    """A text that every tokeniser, database and terminal of the journey can take."""
    if not isinstance(value, str):
        raise Fault(at, "a text is needed", value)
    if len(value) > LONGEST:
        raise Fault(at, f"has {len(value):,} characters; at most {LONGEST:,} are read: shorten it")
    if "\0" in value:
        raise Fault(at, f"holds the character NUL at position {value.index(chr(0))}; remove it")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Fault(
                at, f"holds half a character (a lone surrogate) at position {error.start}; repair the text"
            ) from None
    return value


def as_name(value: Any, at: str) -> str:
    """A text that names something, so it may not be empty."""
    text = as_text(value, at)
    if not text.strip():
        raise Fault(at, "a name may not be empty", value)
    return text


def as_object(value: Any, at: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Fault(at, "an object is needed", value)
    return value


def as_list(value: Any, at: str) -> list[Any]:
    """A JSON list."""
    if not isinstance(value, list):
        raise Fault(at, "a list is needed", value)
    return value


def as_whole(value: Any, at: str) -> int:
    """A whole number; true and false are not numbers."""
    if type(value) is not int:
        raise Fault(at, "a whole number is needed", value)
    if not -LARGEST <= value <= LARGEST:
        raise Fault(at, "whole numbers go up to 2^63 - 1", value)
    return value


def as_number(value: Any, at: str) -> float:
    """A finite number; true and false are not numbers."""
    if type(value) not in (int, float):
        raise Fault(at, "a number is needed", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Fault(at, "a finite number is needed", value)
    return number


def as_flag(value: Any, at: str) -> bool:
    """True or false, nothing else."""
    if not isinstance(value, bool):
        raise Fault(at, "true or false is needed", value)
    return value


def wholes(value: Any, at: str) -> tuple[int, ...]:
    """A list of whole numbers from 0 up, such as positions or token ids."""
    found = as_list(value, at)
    # Token ids are most of a file's numbers: looked at one by one only if something is wrong.
    if set(map(type, found)) == {int} and min(found) >= 0 and max(found) <= LARGEST:
        return tuple(found)
    numbers = tuple(as_whole(number, f"{at}[{place}]") for place, number in enumerate(found))
    for place, number in enumerate(numbers):
        if number < 0:
            raise Fault(f"{at}[{place}]", "it must be 0 or more", number)
    return numbers


def numbers(value: Any, at: str) -> tuple[float, ...]:
    """A list of finite numbers."""
    found = as_list(value, at)
    if set(map(type, found)) == {float} and all(map(math.isfinite, found)):
        return tuple(found)
    return tuple(as_number(number, f"{at}[{place}]") for place, number in enumerate(found))


def names(value: Any, at: str) -> tuple[str, ...]:
    """A list of names."""
    return tuple(as_name(name, f"{at}[{place}]") for place, name in enumerate(as_list(value, at)))


def word_of(value: Any, at: str, words: tuple[str, ...], kin: dict[str, str] | None = None) -> Any:
    """One of a few fixed words; for any other, the nearest right one is named."""
    if isinstance(value, str) and value in words:
        return value
    told = value.strip().lower() if isinstance(value, str) else ""
    meant = told if told in words else (kin or {}).get(told) or nearest(told, words)
    right = f"did you mean `{meant}`?" if meant else f"it must be one of {', '.join(words)}"
    raise Fault(at, right, value)


def refuse_infinite(value: Any, at: str) -> None:
    """Numbers such as 1e999 are written like numbers, but no computer number holds them."""
    left = [(at, value)]
    while left:  # a list of what is left, for a value may be nested deeper than calls may be
        at, value = left.pop()
        if isinstance(value, float) and math.isinf(value):
            raise Fault(at[:WIDTH], "the number is too large for any computer number")
        if isinstance(value, dict):
            left += [(below(at[:WIDTH], key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [(f"{at[:WIDTH]}[{place}]", inner) for place, inner in enumerate(value)]
