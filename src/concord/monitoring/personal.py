"""Personal data in texts, by patterns whose matches are checked: addresses, phone numbers, accounts, cards.

They find what has the shape of personal data, whether it belongs to somebody or not: an invented number counts too.
Screening, never proof that there is none.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

EXAMPLES = 3
SHOWN = 4
"""Letters of a find that an example shows; the rest is masked."""
WORDS = {
    "iban": "bank account",
    "card": "card number",
    "email": "e-mail address",
    "ssn": "social security number",
    "phone": "telephone number",
    "ip": "internet address",
}
"""What each sort is called where people read it."""
LONGEST = 20_000
"""Characters of an answer that are searched; what goes beyond is told."""
EMAIL = re.compile(
    r"(?<![\w.+-])[a-z0-9][\w.+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])", re.IGNORECASE
)
PHONE = re.compile(r"(?<![\w.,/:+-])(?<!\d )(?:\+|00)?\(?\d(?:[ ().\-/]{0,2}\d){6,14}(?![\w]|[.,:/-]\d)")
IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IP = re.compile(rf"(?<![\d.])(?:{BYTE}\.){{3}}{BYTE}(?![\d.])")
DATE = re.compile(
    r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}(?:[-./ ]\d{4})?|\d{4}[ -]{1,3}\d{4}"
)
"""A date, or a span of years."""
EXAMPLE = ("example.com", "example.org", "example.net", ".example", ".invalid", ".test")
"""Names that stand for no one (RFC 2606)."""


def digits(text: str) -> str:
    """The digits of a text."""
    return "".join(sign for sign in text if sign.isdigit())


def luhn(number: str) -> bool:
    """Whether a card number's last digit is the check that Luhn's rule asks for."""
    total = 0
    for place, sign in enumerate(reversed(number)):
        value = int(sign) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_card(text: str) -> bool:
    """13 to 19 digits that are not all the same, with a right check digit."""
    number = digits(text)
    return 13 <= len(number) <= 19 and len(set(number)) > 1 and luhn(number)


def is_iban(text: str) -> bool:
    """15 to 34 signs whose remainder by 97, the first four moved to the end and letters as numbers, is 1."""
    plain = text.replace(" ", "")
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def is_phone(text: str) -> bool:
    """7 to 15 digits (ITU E.164), no date, written as phone numbers are: with a plus, a 0 or gaps."""
    number = digits(text)
    if not 7 <= len(number) <= 15 or len(set(number)) < 3 or DATE.fullmatch(text.strip()):
        return False
    if text.count("(") != text.count(")"):
        return False
    gaps = len(re.findall(r"\d[ ().\-/]+\d", text))
    return text.startswith(("+", "0", "(0", "(+")) or (gaps >= 2 and len(number) >= 10)


def is_email(text: str) -> bool:
    """An address that is not an example."""
    return not text.lower().endswith(EXAMPLE)


def is_public(text: str) -> bool:
    """An internet address that is somebody's, not one of a house's own network."""
    return ip_address(text).is_global


SORTS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "iban": (IBAN, is_iban),
    "card": (CARD, is_card),
    "email": (EMAIL, is_email),
    "ssn": (SSN, bool),
    "phone": (PHONE, is_phone),
    "ip": (IP, is_public),
}
"""Each sort with its pattern and check; what one has taken is not looked at by the next."""


def found(text: str) -> dict[str, list[str]]:
    """All personal data in a text, by sort."""
    left, result = text[:LONGEST], {}
    for sort, (pattern, check) in SORTS.items():
        result[sort] = [match[0] for match in pattern.finditer(left) if check(match[0])]
        for one in result[sort]:
            left = left.replace(one, " " * 3)
    return result


@dataclass
class Personal:
    """How many texts hold which sort, and some places, masked."""

    texts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def personal(texts: Iterable[tuple[str, str]]) -> Personal:
    """Look through named texts."""
    seen = Personal()
    for name, text in texts:
        seen.texts += 1
        for sort, finds in found(text).items():
            if finds:
                seen.kinds[WORDS[sort]] += 1
                if len(seen.examples) < EXAMPLES:
                    seen.examples.append(f"{name}: {WORDS[sort]} {masked(finds[0])}")
    return seen


def masked(text: str) -> str:
    """The beginning of a find, the rest hidden."""
    return text[:SHOWN] + "*" * max(0, len(text) - SHOWN)
