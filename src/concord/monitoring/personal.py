"""Personal data in texts, as far as patterns can tell: screening, never proof that there is none."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

EXAMPLES = 3
SHOWN = 4
"""Letters of a find that an example shows; the rest is masked."""
BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
PATTERNS = {
    "e-mail address": re.compile(r"\b[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}\b"),
    "telephone number": re.compile(
        r"(?<![\w.])(?<!\d[ -])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,5}\)[ -]?|\d{2,5}[ -])"
        r"(?:\d{2,4}[ -]){1,3}\d{2,4}(?!\w|[ -]?\d)"
    ),
    "card number": re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)"),
    "bank account": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "social security number": re.compile(
        r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"
    ),
    "internet address": re.compile(rf"(?<![\d.])(?:{BYTE}\.){{3}}{BYTE}(?![\d.])"),
}
"""Every kind by its name."""


@dataclass
class Personal:
    """How many texts hold which kind, and some places, masked."""

    texts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def personal(texts: Iterable[tuple[str, str]]) -> Personal:
    """Look through named texts."""
    found = Personal()
    for name, text in texts:
        found.texts += 1
        for kind, match in finds(text).items():
            found.kinds[kind] += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append(f"{name}: {kind} {masked(match)}")
    return found


def finds(text: str) -> dict[str, str]:
    """The first find of each kind in a text; digits that pass no check of their kind are none."""
    found: dict[str, str] = {}
    for kind, pattern in PATTERNS.items():
        check = CHECKED.get(kind)
        for match in pattern.finditer(text):
            if check is None or check(match[0]):
                found[kind] = match[0]
                break
    if "social security number" in found or "card number" in found:
        found.pop("telephone number", None)
    return found


def masked(text: str) -> str:
    """The beginning of a find, the rest hidden."""
    return text[:SHOWN] + "*" * max(0, len(text) - SHOWN)


def is_card(text: str) -> bool:
    """Whether digits pass the check of card numbers (Luhn's: every second one doubled, digits added, tens)."""
    digits = [int(one) for one in text if one.isdigit()][::-1]
    if len(set(digits)) < 2:
        return False
    doubled = [sum(divmod(2 * one, 10)) if place % 2 else one for place, one in enumerate(digits)]
    return sum(doubled) % 10 == 0


def is_account(text: str) -> bool:
    """Whether a bank account number passes its check: as a number, letters as two digits, it is 1 modulo 97."""
    plain = text.replace(" ", "")
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def is_telephone(text: str) -> bool:
    """Whether there are as many digits as telephone numbers have."""
    return 7 <= sum(letter.isdigit() for letter in text) <= 15


CHECKED = {"card number": is_card, "bank account": is_account, "telephone number": is_telephone}
