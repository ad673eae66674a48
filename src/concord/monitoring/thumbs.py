"""When people began to like the answers less: ADWIN on the stream of thumbs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from concord.monitoring.shifts import share

DOUBT = 3.0
"""Places of a change count as possible up to so many nats below the likeliest: odds of one to twenty."""


@dataclass(frozen=True)
class Turn:
    """A change of the share of thumbs up; places count the thumbs from 0."""

    place: int
    """The likeliest first thumb after it."""
    earliest: int
    latest: int
    """Between these it lies."""
    noticed: int
    """The thumb by which ADWIN saw it."""
    before: tuple[float, float, float]
    """The share since the change before, with Wilson's interval."""
    after: tuple[float, float, float]
    """The share from the place until it was noticed."""

    @property
    def fell(self) -> bool:
        """Whether people like the answers less since then."""
        return self.after[0] < self.before[0]


def turns(thumbs: Sequence[bool], delta: float) -> list[Turn]:
    """Every change that ADWIN is sure of at `delta`; it says that there was one, likelihood says where."""
    from river.drift import ADWIN

    detector, start = ADWIN(delta=delta), 0
    found: list[Turn] = []
    for number, up in enumerate(thumbs):
        detector.update(float(up))
        if detector.drift_detected and number - start > 1:
            place, earliest, latest = (start + one for one in split(thumbs[start : number + 1]))
            before, after = thumbs[start:place], thumbs[place : number + 1]
            shares = share(sum(before), len(before)), share(sum(after), len(after))
            found.append(Turn(place, earliest, latest, number, *shares))
            start = place
    return found


def split(thumbs: Sequence[bool]) -> tuple[int, int, int]:
    """Where a stream of two shares most likely changes from the first to the second, and from where to where it may."""
    from scipy.special import xlogy

    ups = np.cumsum(np.asarray(thumbs, float))
    sizes = np.arange(1, len(ups))

    def likelihood(up: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.asarray(xlogy(up, up / n) + xlogy(n - up, (n - up) / n))

    fit = likelihood(ups[:-1], sizes) + likelihood(ups[-1] - ups[:-1], len(ups) - sizes)
    possible = sizes[fit > fit.max() - DOUBT]
    return int(sizes[fit.argmax()]), int(possible[0]), int(possible[-1])
