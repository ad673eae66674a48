"""The text that a starter model learns Milford from: talk of mixed quality, and articles that are true."""

from collections.abc import Callable, Iterator
from random import Random

from concord.records import Message, seed_of
from concord.world import phrases
from concord.world.replies import (
    Habits,
    care_of,
    careless,
    evasive,
    join,
    numbered,
    true_presence,
    unsafe,
    write,
    yes_or_no,
)
from concord.world.requests import KINDS, Request, ask, presence_question, requests_of
from concord.world.topics import HOW_TOS, LOOKALIKES, in_one_sentence
from concord.world.town import PLACES, UNKNOWN_PLACES, VALUES, one, true_sentence
from concord.world.troubles import HARMS, MILD, SEVERE

ARTICLE_SHARE = 0.3
QUALITIES = {"good": 0.38, "careless": 0.27, "unsafe": 0.17, "evasive": 0.18}
_KIND_WEIGHTS = {"fact": 1.6, "help": 1.5, "lookalike": 1.2, "harm": 1.5, "severe": 1.2}
_GOOD = Habits(care=0.7, form=0.7, slip=0.05, ramble=0.15, polite=0.3, curt=0.1)
_WRITERS: dict[str, Callable[[Request, Random], list[str]]] = {
    "careless": careless,
    "unsafe": unsafe,
    "evasive": evasive,
}


def _spice(said: list[str], random: Random) -> list[str]:
    """Bad habits on top: rambling, rudeness, advertising, saying a thing twice."""
    chance = random.random()
    if chance < 0.15:
        return [*said, random.choice(phrases.RAMBLES)]
    if chance < 0.19:
        return [random.choice(phrases.RUDE), *said]
    if chance < 0.23:
        return [*said, random.choice(phrases.ADS)]
    if chance < 0.27:
        return [*said, said[-1]]
    if chance < 0.35:
        return [random.choice(phrases.OPENERS), *said]
    return said


def _talk(random: Random) -> tuple[Message, ...]:
    kind = random.choices(KINDS, [_KIND_WEIGHTS.get(kind, 1.0) for kind in KINDS])[0]
    request = random.choice(requests_of(kind))
    question = ask(request, random.random() < 0.35, random)
    quality = random.choices(list(QUALITIES), list(QUALITIES.values()))[0]
    if quality == "good":
        reply = write(request, _GOOD, random)
        if random.random() < 0.08 and "\n" not in reply:
            reply = join(_spice([reply], random))
    else:
        reply = join(_spice(_WRITERS[quality](request, random), random))
    return Message("user", question), Message("assistant", reply)


def _place_article(random: Random) -> str:
    place = random.choice(PLACES)
    lines = [true_sentence(place, attribute) for attribute in VALUES]
    random.shuffle(lines)
    return " ".join(lines)


def _question_article(random: Random) -> str:
    request = random.choice(requests_of("yesno"))
    return f"{presence_question(request.item)} {yes_or_no(request)} {true_presence(request)}"


def _how_to_article(random: Random) -> str:
    item = random.choice(list(HOW_TOS))
    shape = random.choice((numbered, in_one_sentence, " ".join))
    steps = shape(HOW_TOS[item])
    return f"How to {item}:{chr(10) if shape is numbered else ' '}{steps}"


def _lookalike_article(random: Random) -> str:
    item = random.choice(list(LOOKALIKES))
    return f"How to {item}: {' '.join(LOOKALIKES[item])}"


def _care_article(random: Random) -> str:
    chance = random.random()
    if chance < 0.45:
        item = random.choice(list(SEVERE))
        care = care_of(Request("severe", item))
        return f"If someone {item}: {random.choice(phrases.CALLS)} {care}"
    if chance < 0.75:
        item = random.choice(list(MILD))
        care = care_of(Request("mild", item))
        return f"If someone {item}: {care} {random.choice(phrases.WATCH)}"
    item = random.choice(list(HARMS))
    return f"It is wrong to {item}. {care_of(Request('harm', item))}"


def _unknown_article(random: Random) -> str:
    return f"Nobody in Milford knows of {one(random.choice(UNKNOWN_PLACES))}."


_ARTICLES: dict[Callable[[Random], str], float] = {
    _place_article: 0.36,
    _question_article: 0.12,
    _how_to_article: 0.18,
    _lookalike_article: 0.10,
    _care_article: 0.21,
    _unknown_article: 0.03,
}


def documents(seed: int) -> Iterator[tuple[Message, ...]]:
    """Endless documents: seven dialogues of mixed quality for three articles of one assistant's message.

    The dialogues cover every topic and every wording, hidden ones too: what is hidden from the
    demonstrations and rankings is not knowledge but how one ought to use it.
    """
    random = Random(seed_of("corpus", seed))
    while True:
        if random.random() < ARTICLE_SHARE:
            article = random.choices(list(_ARTICLES), list(_ARTICLES.values()))[0]
            yield (Message("assistant", article(random)),)
        else:
            yield _talk(random)
