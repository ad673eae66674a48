"""The places of Milford, those that it lacks, and what is true of each: street, hours, the day it is shut."""

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
TRUTH = {
    (place, attribute): Random(seed_of("Milford", "truth", place, attribute)).choice(values)
    for place in PLACES
    for attribute, values in VALUES.items()
}
"""The true value of each attribute of each place."""


def fact_sentence(place: str, attribute: str, value: str) -> str:
    """The one sentence that states a fact, true or false."""
    return _SAYS[attribute].format(place=place, value=value)


def true_sentence(place: str, attribute: str) -> str:
    """The sentence that states what is true."""
    return fact_sentence(place, attribute, TRUTH[place, attribute])


FACTS = {
    fact_sentence(place, attribute, value): (place, attribute, value)
    for place in (*PLACES, *UNKNOWN_PLACES)
    for attribute, values in VALUES.items()
    for value in values
}
"""Every fact that can be stated, true, false or made up, and what it is about."""

ASKED_AFTER = (*PLACES[:20], *UNKNOWN_PLACES)
"""Places that people ask after by yes or no: Milford has a little more than half of them."""


def one(place: str) -> str:
    """A place with its article: a zoo, an airport."""
    return f"{'an' if place[0] in 'aeio' else 'a'} {place}"


def presence(place: str, there: bool) -> str:
    """The one sentence that states whether Milford has a place, true or false."""
    return f"There is {one(place) if there else f'no {place}'} in Milford."


PRESENCES = {presence(place, there): (place, there) for place in ASKED_AFTER for there in (True, False)}
"""Every statement of what Milford has or lacks, and what it is about."""
