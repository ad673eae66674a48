"""What a judge said: read strictly, softened by its own probabilities where it gives them, never guessed."""

import math
import re
from collections.abc import Sequence
from itertools import accumulate

from concord.endpoints.chat import Reply, Token

_LINE = re.compile(r"^\W*verdict\W*[:=]\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_ORDER = re.compile(r"\d(?:\s*[>=]\s*\d)*")
_ORNAMENT = " \t\r\n.*`\"'()[]"


def verdict(text: str, reasons: bool) -> str | None:
    """The words of the verdict: the whole reply, or its last line of the form `Verdict: ...`; None if it has none."""
    if not reasons:
        return text.strip(_ORNAMENT)
    line = last_line(text)
    return line[1].strip(_ORNAMENT) if line else None


def last_line(text: str) -> re.Match[str] | None:
    """The last line that holds a verdict."""
    return next(reversed(list(_LINE.finditer(text))), None)


def spoken(reply: Reply, reasons: bool) -> Sequence[Token]:
    """The tokens in which a verdict was said, not those of the reasons around it; none if they cannot be told."""
    tokens = reply.tokens or ()
    line = last_line(reply.text) if reasons else None
    if line is None:
        return tokens
    ends = list(accumulate(len(token.text) for token in tokens))
    before = "".join(token.text for token in tokens).find(reply.text)
    first, last = (before + place for place in line.span(1))
    places = zip(tokens, ends, strict=True) if before >= 0 else ()
    return [token for token, end in places if end > first and end - len(token.text) < last]


def chances(reply: Reply, labels: Sequence[str], reasons: bool) -> dict[str, float] | None:
    """The probability of each label: softmax over the labels where they are told, all on one otherwise.

    None is an invalid verdict. A label that is not among the likeliest tokens gets the bound that their
    least likely one sets.
    """
    said = verdict(reply.text, reasons)
    if said not in labels:
        return None
    for token in reversed(spoken(reply, reasons)):
        if token.text.strip(_ORNAMENT) == said:
            known = {label: -math.inf for label in labels}
            for text, logprob in token.tops:
                name = text.strip(_ORNAMENT)
                if name in known:
                    known[name] = _logaddexp(known[name], logprob)
            if known[said] == -math.inf:
                break  # a token, but not its alternatives
            bound = min(logprob for _, logprob in token.tops)
            weights = {label: math.exp(max(value, bound)) for label, value in known.items()}
            total = sum(weights.values())
            if total > 0:
                return {label: weight / total for label, weight in weights.items()}
    return {label: float(label == said) for label in labels}


def order(reply: Reply, count: int, reasons: bool) -> list[int] | None:
    """The tier of each of `count` answers, from a verdict such as 2 > 1 = 3; None if it is not one of all of them."""
    said = verdict(reply.text, reasons)
    if said is None or not _ORDER.fullmatch(said):
        return None
    tiers = [[int(name) - 1 for name in tier.split("=")] for tier in said.split(">")]
    named = [place for tier in tiers for place in tier]
    if sorted(named) != list(range(count)):
        return None
    found = [0] * count
    for number, tier in enumerate(tiers):
        for place in tier:
            found[place] = number
    return found


def _logaddexp(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
