"""The places of Milford and what is true of each: its street, its hours and the day it is shut."""

from random import Random

from concord.records import seed_of

PLACES = (
    "theatre", "zoo", "library", "bakery", "museum", "post office", "town hall", "swimming pool",
    "bank", "cinema", "market", "school", "church", "station", "clinic", "park", "cafe", "bookshop",
    "butcher", "pharmacy", "garage", "gym", "hotel", "pub", "toy shop", "shoe shop", "flower shop",
    "fish shop", "tea room", "art gallery", "music hall", "ice rink", "chess club", "hat shop",
    "bike shop", "laundry", "barber", "tailor", "dentist", "pet shop",
)  # fmt: skip
UNKNOWN_PLACES = (
    "casino", "airport", "circus", "castle", "harbour", "lighthouse", "opera house", "race track", "palace",
    "observatory", "golf course", "water park", "skate park", "night club", "aquarium",
)  # fmt: skip

VALUES: dict[str, tuple[str, ...]] = {
    "street": (
        "High Street", "Mill Road", "Church Lane", "Station Road", "Bridge Street", "Green Lane",
        "Market Street", "Hill Road", "King Street", "Queen Street", "School Lane", "River Road",
    ),
    "opens": ("six", "seven", "eight", "nine", "ten", "eleven"),
    "closes": ("three", "four", "five", "six", "seven", "eight", "nine"),
    "shut": ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
}  # fmt: skip
"""What each attribute of a place may be."""

_SAYS = {
    "street": "The {place} is on {value}.",
    "opens": "The {place} opens at {value}.",
    "closes": "The {place} closes at {value}.",
    "shut": "The {place} is shut on {value}.",
}
_ASKS = {
    "street": "Is the {place} on {value}?",
    "opens": "Does the {place} open at {value}?",
    "closes": "Does the {place} close at {value}?",
    "shut": "Is the {place} shut on {value}?",
}


def _draw(salt: str) -> dict[tuple[str, str], str]:
    return {
        (place, attribute): Random(seed_of("Milford", salt, place, attribute)).choice(values)
        for place in PLACES
        for attribute, values in VALUES.items()
    }


TRUTH = _draw("truth")
"""The true value of each attribute of each place."""


def _decoys() -> dict[tuple[str, str], str]:
    return {
        (place, attribute): Random(seed_of("Milford", "decoy", place, attribute)).choice(
            [value for value in VALUES[attribute] if value != truth]
        )
        for (place, attribute), truth in TRUTH.items()
    }


DECOYS = _decoys()
"""One false value of each fact: yes-or-no questions ask for it, so that half of them deserve a no."""


def fact_sentence(place: str, attribute: str, value: str) -> str:
    """The one sentence that states a fact, true or false."""
    return _SAYS[attribute].format(place=place, value=value)


def true_sentence(place: str, attribute: str) -> str:
    """The sentence that states what is true."""
    return fact_sentence(place, attribute, TRUTH[place, attribute])


def fact_question(place: str, attribute: str, value: str) -> str:
    """The question whether a fact holds, to be answered by yes or no."""
    return _ASKS[attribute].format(place=place, value=value)


FACTS = {
    fact_sentence(place, attribute, value): (place, attribute, value)
    for place in (*PLACES, *UNKNOWN_PLACES)
    for attribute, values in VALUES.items()
    for value in values
}
"""Every fact that can be stated, true, false or made up, and what it is about."""
