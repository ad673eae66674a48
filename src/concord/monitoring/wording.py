"""Signs in an answer's words: refusals, admissions of ignorance, calls for help. Lists of phrases, and nothing else.

The lists are files: a phrase a line, in lower case. `*` stands for one to three words, and a phrase
after `!` is cut out of the answer before the others are looked for: "I can't help but admire" refuses nothing.
Only the beginning of an answer is read, where people and models refuse.
"""

import re
from functools import cache
from importlib.resources import files

READ = 400
"""Characters of an answer that are read; a refusal comes first, and what comes later is the answer."""
STRAIGHT = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
FILES = {"refusal": "refusals.txt", "ignorance": "ignorance.txt", "alarm": "alarms.txt"}


@cache
def phrases(detector: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The phrases of a detector, and those that only look like it."""
    text = files("concord.monitoring").joinpath("phrases", FILES[detector]).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return (
        tuple(line for line in lines if not line.startswith("!")),
        tuple(line[1:].strip() for line in lines if line.startswith("!")),
    )


def plain(text: str) -> str:
    """The beginning of an answer in lower case, with straight quotes and single spaces."""
    return " ".join(text[: 2 * READ].translate(STRAIGHT).casefold().split())[:READ]


def pattern(some: tuple[str, ...]) -> re.Pattern[str]:
    """Any of some phrases as whole words."""
    words = (re.escape(one).replace(r"\*", r"\S+(?: \S+){0,2}") for one in some)
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)")


@cache
def patterns(detector: str) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """What is looked for, and what is cut out before."""
    wanted, apparent = phrases(detector)
    return pattern(wanted), pattern(apparent) if apparent else None


def shows(detector: str, text: str) -> bool:
    """Whether an answer's words show the sign."""
    wanted, apparent = patterns(detector)
    read = plain(text)
    if apparent is not None:
        read = apparent.sub(" ", read)
    return wanted.search(read) is not None
