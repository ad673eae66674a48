"""Tests that are read together: with many of them, one alone may seem to find something by chance."""

import gc
import math
from collections.abc import Sequence


def holm(chances: Sequence[float]) -> list[float]:
    """Chances of error of tests that are read together, each adjusted so that one false alarm stays rare.

    p [m] -> [m]:  the i-th smallest becomes the largest of (m - j + 1) p_j for j <= i, at most 1 (Holm 1979). What
    could not be tested (nan) is no evidence: 1.
    """
    from statsmodels.stats.multitest import multipletests  # slow to load, and few stages need it

    if not chances:
        return []
    gc.freeze()  # it collects garbage on the way, through everything that ever was loaded
    try:
        adjusted = multipletests([p if math.isfinite(p) else 1.0 for p in chances], method="holm")[1]
    finally:
        gc.unfreeze()
    return [float(p) for p in adjusted]
