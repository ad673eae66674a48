"""Three kinds of people who write demonstrations; all know what is right, not all of them do it.

The default, "typical", builds in that people recognise better than they demonstrate: its writers ramble in
more than half of their replies and leave out, in about two of three, exactly what the judges value most
(first care, a kinder way out, the form asked for). A gain over their demonstrations is therefore to be
expected here; with "good" writers it is much smaller, and a report should say which were used.
"""

from random import Random
from typing import Literal

from concord.world.replies import Habits, write
from concord.world.requests import Request

Demonstrators = Literal["good", "typical", "lazy"]

HABITS: dict[str, Habits] = {
    "typical": Habits(care=0.33, form=0.33, slip=0.12, ramble=0.58, polite=0.35, curt=0.2),
    "lazy": Habits(care=0.12, form=0.08, slip=0.15, ramble=0.65, polite=0.35, curt=0.3),
}
_HALF_RIGHT = Habits(care=0.55, form=0.6, slip=0.08, ramble=0.25, polite=0.35, curt=0.1)


def demonstrate(request: Request, demonstrators: Demonstrators, random: Random) -> str:
    """A reply as one of these people writes it."""
    if demonstrators == "good":
        return write(request, Habits() if random.random() < 0.5 else _HALF_RIGHT, random)
    return write(request, HABITS[demonstrators], random)
