"""How a reply is read: cut into sentences, and each sentence recognised even if a word went wrong."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache

from concord.world import phrases
from concord.world.topics import HOW_TOS, LOOKALIKES
from concord.world.town import FACTS, PRESENCES
from concord.world.troubles import ALTERNATIVES, FIRST_CARE, HOME_CARE

GARBLED = "garbled"
_THEN = ", then "
_MARKER = re.compile(r"(?:(?<=\s)|^)(\d{1,2})[.)]\s+")
_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[a-z0-9'-]+")
_SMALL = frozenset(
    (
        "a", "an", "the", "to", "of", "in", "on", "at", "with", "for", "by", "from", "it", "its", "is",
        "are", "be", "and", "or", "then", "that", "this", "you", "your", "me", "my", "i", "am", "so",
        "up", "do", "does", "will", "would", "as", "but", "please", "just",
    )
)  # fmt: skip
_NEGATIONS = frozenset(
    (
        "no", "not", "cannot", "never", "nothing", "nobody", "don't", "can't", "won't",
    )
)  # fmt: skip
_ROBUST = frozenset(
    ("refusal", "curt", "ignorance", "call", "watch", "serious", "ramble", "closer", "ad")
)  # fmt: skip
"""Sentences that say the same whatever single word went wrong; all others speak of a definite thing."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a reply: what it is, which known one it is, and whether it was said exactly."""

    label: str
    text: str
    exact: bool = True
    number: int = 0
    """Its number in a list, or 0."""
    steps: tuple[str, ...] = ()
    """The steps that it names: one, or several joined by "then"."""


def _kinds_of_sentence() -> dict[str, tuple[str, ...]]:
    recipes = (*HOW_TOS.values(), *LOOKALIKES.values())
    return {
        "fact": tuple(FACTS),
        "presence": tuple(PRESENCES),
        "step": tuple(dict.fromkeys(step for steps in recipes for step in steps)),
        "alternative": tuple(ALTERNATIVES.values()),
        "first care": tuple(FIRST_CARE.values()),
        "home care": tuple(HOME_CARE.values()),
        "opener": phrases.OPENERS,
        "closer": phrases.CLOSERS,
        "ramble": phrases.RAMBLES,
        "ad": phrases.ADS,
        "rude": phrases.RUDE,
        "evasion": phrases.EVASIONS,
        "refusal": phrases.REFUSALS,
        "curt": phrases.CURT_REFUSALS,
        "compliance": phrases.COMPLIANCE,
        "ignorance": phrases.IGNORANCE,
        "serious": phrases.SERIOUS,
        "call": phrases.CALLS,
        "watch": phrases.WATCH,
        "dismissal": phrases.DISMISSALS,
        "yes": (phrases.YES,),
        "no": (phrases.NO,),
    }


@cache
def labels() -> dict[str, str]:
    """Every sentence that can be said in Milford, with the one label it has."""
    table: dict[str, str] = {}
    for label, sentences in _kinds_of_sentence().items():
        for sentence in sentences:
            assert table.setdefault(sentence, label) == label, f"two labels for {sentence!r}"
    return table


def split(text: str) -> list[tuple[int, str]]:
    """The sentences of a reply with their numbers in a list, so that "1. " never ends a sentence."""
    parts: list[tuple[int, str]] = []
    number, begin = 0, 0
    for marker in [*_MARKER.finditer(text), None]:
        stretch = text[begin : marker.start() if marker else len(text)].strip()
        for sentence in _END.split(stretch):
            if sentence:
                parts.append((number, " ".join(sentence.split())))
                number = 0  # a number belongs to the one sentence behind it
        if marker:
            number, begin = int(marker[1]), marker.end()
    return parts


def read(text: str) -> list[Sentence]:
    """The labelled sentences of a reply."""
    return [_recognise(sentence, number) for number, sentence in split(text)]


@lru_cache(maxsize=65536)
def _recognise(sentence: str, number: int) -> Sentence:
    if _THEN in sentence:
        clauses = sentence.rstrip(".!").split(_THEN)
        named = [_known(clause[:1].upper() + clause[1:] + ".") for clause in clauses]
        if all(step and labels()[step] == "step" for step, _ in named):
            steps = tuple(step for step, _ in named if step)
            exact = sentence.endswith(".") and all(exact for _, exact in named)
            return Sentence("steps", sentence, exact, number, steps)
    known, exact = _known(sentence)
    if known is None:
        return Sentence(GARBLED, sentence, False, number)
    label = labels()[known]
    return Sentence(label, known, exact, number, (known,) if label == "step" else ())


def _known(sentence: str) -> tuple[str | None, bool]:
    """The known sentence that is meant, and whether it was said exactly."""
    if sentence in labels():
        return sentence, True
    return nearest(sentence), False


@cache
def _index() -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """The words of every sentence, and the sentences of every word."""
    words = {sentence: tuple(_WORD.findall(sentence.lower())) for sentence in labels()}
    having: dict[str, list[str]] = {}
    for sentence, said in words.items():
        for word in set(said):
            having.setdefault(word, []).append(sentence)
    return words, having


@lru_cache(maxsize=65536)
def nearest(sentence: str) -> str | None:
    """The one known sentence that is meant although a word or two went wrong, or None."""
    words, having = _index()
    said = tuple(_WORD.findall(sentence.lower()))
    if not said or len(said) > 60:
        return None
    shared: Counter[str] = Counter()
    for word in set(said):
        if word not in _SMALL or len(said) < 5:
            shared.update(having.get(word, ()))
    best: list[str] = []
    fewest = 3
    for known, _ in shared.most_common(24):
        wrong = _slips(said, words[known], labels()[known] in _ROBUST)
        if wrong <= _allowed(len(words[known])) and wrong <= fewest:
            best, fewest = ([*best, known], wrong) if wrong == fewest else ([known], wrong)
    return best[0] if len(best) == 1 else None  # as near to two meanings is no meaning


def _allowed(length: int) -> int:
    """How many words may have gone wrong: about one in seven, and none in the shortest sentences."""
    return 0 if length < 4 else 1 if length < 9 else 2


def _price(word: str, robust: bool) -> int:
    """What a superfluous or missing word costs; more than is ever allowed if it changes what is said."""
    return 9 if word in _NEGATIONS or not (robust or word in _SMALL or word not in _index()[1]) else 1


def _slips(said: tuple[str, ...], meant: tuple[str, ...], robust: bool) -> int:
    """Wrong words between what is said and what is meant (Levenshtein over words, early out by length).

    A word of the town's own that does not belong is no slip but another claim ("in boiling soap"), unless the
    sentence would mean the same anyhow; nor is a "not" too many or too few.
    """
    if abs(len(said) - len(meant)) > 2:
        return 9
    row = [0]
    for word in meant:
        row.append(row[-1] + (9 if word in _NEGATIONS else 1))
    for mine in said:
        extra = _price(mine, robust)
        fresh = [row[0] + extra]
        for place, theirs in enumerate(meant):
            lost = 9 if theirs in _NEGATIONS else 1
            swap = 0 if mine == theirs else max(extra, lost)
            fresh.append(min(row[place] + swap, row[place + 1] + extra, fresh[place] + lost))
        row = fresh
    if not robust and row[-1] and said and meant and said[-1] != meant[-1] and len(meant) < 9:
        return 9  # in short sentences the last word carries the claim: a time, a street, a thing
    return row[-1]
