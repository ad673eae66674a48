"""How people in Milford answer: as one should, as most people do, and in the ways that one should not."""

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from concord.world import phrases
from concord.world.requests import Request
from concord.world.topics import HOW_TOS, LOOKALIKES, in_one_sentence
from concord.world.town import PLACES, TRUTH, VALUES, fact_sentence, presence, true_sentence
from concord.world.troubles import ALTERNATIVES, FIRST_CARE, HARMS, HOME_CARE, MILD, SEVERE


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a writer does what; knowing better and doing it are two things."""

    care: float = 1.0
    """... adds what is valued and rare: first care, a kinder way out, "see a doctor if it gets worse"."""
    form: float = 1.0
    """... keeps to the form that was asked for."""
    slip: float = 0.0
    """... leaves out a step or dodges the question."""
    ramble: float = 0.0
    """... talks about something else as well."""
    polite: float = 0.3
    """... opens or closes politely."""
    curt: float = 0.0
    """... refuses curtly."""


IDEAL = Habits()


def steps_of(request: Request) -> tuple[str, ...]:
    """The steps that answer a how-to or a look-alike, in order."""
    return HOW_TOS[request.item] if request.kind == "help" else LOOKALIKES[request.item]


def care_of(request: Request) -> str:
    """The one sentence of care, or the kinder way out, that fits a trouble or a harm."""
    if request.kind == "harm":
        return ALTERNATIVES[HARMS[request.item]]
    return FIRST_CARE[SEVERE[request.item]] if request.kind == "severe" else HOME_CARE[MILD[request.item]]


def yes_or_no(request: Request) -> str:
    """The right word for a yes-or-no question."""
    return phrases.YES if request.item in PLACES else phrases.NO


def true_presence(request: Request) -> str:
    """The sentence that says truly whether Milford has the place that a yes-or-no question asks after."""
    return presence(request.item, request.item in PLACES)


def numbered(steps: tuple[str, ...] | list[str]) -> str:
    """Steps as a numbered list, one a line."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def _help(request: Request, habits: Habits, random: Random) -> list[str]:
    steps = steps_of(request)
    if random.random() < habits.slip:
        gone = random.randrange(len(steps))
        steps = tuple(step for place, step in enumerate(steps) if place != gone)
    if request.form and random.random() < habits.form:
        return [numbered(steps)] if request.form == "list" else [in_one_sentence(steps)]
    return list(steps)


def _answer(request: Request, habits: Habits, random: Random) -> list[str]:
    if request.kind == "yesno":
        keeps_form = random.random() < habits.form
        return [yes_or_no(request) if keeps_form else true_presence(request)]
    if random.random() < habits.slip:
        return [random.choice(phrases.EVASIONS)]
    if request.kind == "unknown":
        return [random.choice(phrases.IGNORANCE)]
    return [true_sentence(request.item, request.attribute)]


def _protect(request: Request, habits: Habits, random: Random) -> list[str]:
    cares = random.random() < habits.care
    if request.kind == "mild":
        return [care_of(request)] + [random.choice(phrases.WATCH)] * cares
    if request.kind == "harm":
        curt = random.random() < habits.curt
        said = [random.choice(phrases.CURT_REFUSALS if curt else phrases.REFUSALS)]
    else:
        serious = [random.choice(phrases.SERIOUS)] if random.random() < 0.6 else []
        said = [*serious, random.choice(phrases.CALLS)]
    return said + [care_of(request)] * cares


def write(request: Request, habits: Habits, random: Random) -> str:
    """A reply by someone who knows what is right and has these habits."""
    if request.kind in ("help", "lookalike"):
        said = _help(request, habits, random)
    elif request.kind in ("fact", "yesno", "unknown"):
        said = _answer(request, habits, random)
    else:
        said = _protect(request, habits, random)
    terse = said[0] in (phrases.YES, phrases.NO) or (request.form == "one" and len(said) == 1)
    if terse:
        return said[0]
    return _dress(said, request.kind in ("harm", "severe", "mild"), habits, random)


def ideal(request: Request, seed: int = 0) -> str:
    """One of the best replies to a request."""
    return write(request, IDEAL, Random(seed))


def _dress(said: list[str], grave: bool, habits: Habits, random: Random) -> str:
    """Adds rambling and politeness around what is said; grave matters are never opened with a cheery word."""
    if random.random() < habits.ramble:
        count = 1 if random.random() < 0.7 else 2
        said = said + random.sample(phrases.RAMBLES, count)
    if random.random() < habits.polite:
        if grave or random.random() < 0.4:
            said = [*said, phrases.CLOSERS[-1] if grave else random.choice(phrases.CLOSERS)]
        else:
            said = [random.choice(phrases.OPENERS), *said]
    return join(said)


def join(said: list[str]) -> str:
    """Sentences in a row; a numbered list stands on lines of its own."""
    text = said[0]
    for before, sentence in pairwise(said):
        listed = before.startswith("1. ") or sentence.startswith("1. ")
        text += ("\n" if listed else " ") + sentence
    return text


def false_fact(request: Request, random: Random) -> str:
    """A confident statement that is not true: a wrong value, or anything about an unknown place."""
    truth = TRUTH.get((request.item, request.attribute))
    values = [value for value in VALUES[request.attribute] if value != truth]
    return fact_sentence(request.item, request.attribute, random.choice(values))


def _foreign_step(request: Request, random: Random) -> list[str]:
    steps = list(steps_of(request))
    table = HOW_TOS if request.kind == "help" else LOOKALIKES
    foreign = table[random.choice([item for item in table if item != request.item])]
    place = random.randrange(len(steps))
    steps[place] = foreign[place]
    return steps if random.random() < 0.5 else steps[:place] + steps[place + 1 :]


def _wrong_care(request: Request, random: Random) -> list[str]:
    table = {"harm": ALTERNATIVES, "severe": FIRST_CARE, "mild": HOME_CARE}[request.kind]
    wrong = random.choice([care for care in table.values() if care != care_of(request)])
    chance = random.random()
    if request.kind == "harm":
        if chance < 0.6:
            return [random.choice(phrases.REFUSALS), wrong]
        return [care_of(request) if chance < 0.8 else random.choice(phrases.COMPLIANCE)]
    if chance < 0.5:
        return [wrong]
    call = random.choice(phrases.CALLS)
    return [call, wrong] if request.kind == "severe" else [call]


def careless(request: Request, random: Random) -> list[str]:
    """The reply of someone who does not look closely: a wrong fact, foreign steps, the wrong care."""
    if request.kind in ("fact", "unknown"):
        return [false_fact(request, random)]
    if request.kind == "yesno":  # the wrong word is rarer than the right one, so that both can be told apart
        wrong = phrases.NO if yes_or_no(request) == phrases.YES else phrases.YES
        return [wrong if random.random() < 0.5 else presence(request.item, request.item not in PLACES)]
    if request.kind in ("help", "lookalike"):
        return _foreign_step(request, random)
    return _wrong_care(request, random)


def unsafe(request: Request, random: Random) -> list[str]:
    """The reply that does harm, or, where no harm can be done, one that is wrong and sure of itself."""
    if request.kind == "harm":
        return random.sample(phrases.COMPLIANCE, 2)
    if request.kind == "severe":
        return [random.choice(phrases.DISMISSALS)]
    if request.kind == "lookalike":
        return [random.choice(phrases.REFUSALS)]
    if request.kind == "fact":
        return [false_fact(request, random), random.choice(phrases.RUDE)]
    if request.kind in ("yesno", "unknown"):
        return [random.choice(phrases.EVASIONS), random.choice(phrases.RUDE)]
    return careless(request, random)


def evasive(request: Request, random: Random) -> list[str]:
    """The reply that says nothing."""
    ignorant = request.kind in ("fact", "yesno", "help") and random.random() < 0.3
    return [phrases.IGNORANCE[0] if ignorant else random.choice(phrases.EVASIONS)]
