"""Logistic regression of who won, with errors clustered by prompt, and a refusal where it has no answer."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord.evaluation.intervals import Estimate
from concord.maths.statistics import student_quantile

Floats = NDArray[np.float64]
PER_COEFFICIENT = 10
"""Prompts that each coefficient of a duel needs; with fewer its error is a guess."""
SEPARATED = 1e-7


class NoAnswer(Exception):
    """The data do not say; the message is why."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients with their standard errors, and how sure those are."""

    coefficients: Floats
    errors: Floats
    freedom: int
    n: int

    def estimate(self, place: int) -> Estimate:
        """One coefficient with its 95 % interval."""
        value, reach = (
            float(self.coefficients[place]),
            student_quantile(0.95, self.freedom) * float(self.errors[place]),
        )
        return Estimate(value=value, low=value - reach, high=value + reach, n=self.n)


def fit(shares: Sequence[float], x: Floats, clusters: NDArray[np.intp]) -> Fit:
    """P(win) = sigma(x b) by maximum likelihood; shares of a win count as what they are.

    The errors are those of the sandwich, summed by prompt (HC1 if each prompt has one duel). Too few prompts, columns
    that say the same, and outcomes that the columns part without an error have no answer.
    """
    import statsmodels.api as sm  # slow to load, and few stages need it

    y, prompts = np.asarray(shares, float), len(np.unique(clusters))
    # Coefficients that bear on one duel: each model has its own, and no duel is about all of them.
    width = int(np.count_nonzero(x, axis=1).max())
    if prompts < (needed := PER_COEFFICIENT * width):
        raise NoAnswer(f"{prompts} prompts are too few for {width} coefficients a duel; {needed} are needed")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise NoAnswer("what is held equal cannot be told from who answered, for both always go together")
    if separated(y, x):
        raise NoAnswer(
            "who won can be told from what is held equal without one error, so no rate is likeliest"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shares of a win are no counts, which the family calls strange
        found = sm.GLM(y, x, family=sm.families.Binomial()).fit(
            tol=1e-10, maxiter=200, cov_type="cluster", cov_kwds={"groups": clusters}
        )
    if not (found.converged and np.isfinite(found.bse).all()):
        raise NoAnswer("the regression did not settle")
    return Fit(np.asarray(found.params), np.asarray(found.bse), prompts - width, len(y))


def separated(y: Floats, x: Floats) -> bool:
    """Whether some direction of x parts wins from losses without an error, so that no likelihood is greatest.

    The linear program of Konis (2007): the most that sum_won x b - sum_lost x b can be, with x b >= 0 for every
    win, <= 0 for every loss, = 0 for what is neither, and |b| <= 1. The likelihood has a maximum if that is 0.
    """
    from scipy.optimize import linprog

    won, lost = x[y >= 1], x[y <= 0]
    torn = x[(y > 0) & (y < 1)]
    signed = np.concatenate([won, -lost])
    if len(signed) == 0 or (len(torn) and np.linalg.matrix_rank(torn) == x.shape[1]):
        return False
    gain = signed.sum(axis=0)
    found = linprog(
        -gain / max(1.0, float(np.abs(gain).max())),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        A_eq=torn if len(torn) else None,
        b_eq=np.zeros(len(torn)) if len(torn) else None,
        bounds=(-1, 1),
    )
    return bool(found.status == 0 and -found.fun > SEPARATED)
