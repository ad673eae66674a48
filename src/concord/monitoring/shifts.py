"""Whether numbers, shares and words came from where others came from: one finding for each look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGE = 0.25
"""A population stability index above this is a large shift."""
BINS, CROWD = 10, 20
"""Most bins, and how many numbers a bin should hold on the smaller side."""
FOLDS, RESAMPLES, MOST_TEXTS = 5, 400, 2000
DIFFERENT = 2 * FOLDS
"""Different questions that each side needs, so that some are left to learn from whichever fifth is kept back."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """What one look found: a value, its range if it has one, and how likely that much is without drift."""

    measure: str
    value: float
    p: float
    before: float
    """The same of the window that is compared with: a mean, a share, or nothing to tell (0.5 for an AUC)."""
    now: float
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    """What the value has to pass, beside its chance, to count."""


def psi(reference: Sequence[float], served: Sequence[float]) -> tuple[float, float]:
    """The population stability index and its chance without drift.

    sum over bins of (a - e) ln(a / e), e and a the shares of the reference and of what was served. Bins are
    quantiles of the reference; half a number is added to each, so that an empty one has a logarithm. Without drift
    it is about (1/n + 1/m) times a chi-squared number of one degree of freedom fewer than bins.
    """
    from scipy import stats

    old, new = np.asarray(reference, float), np.asarray(served, float)
    wanted = max(2, min(BINS, min(len(old), len(new)) // CROWD))
    edges = np.unique(np.quantile(old, np.linspace(0, 1, wanted + 1)[1:-1]))
    count = len(edges) + 1
    shares = [
        (np.bincount(np.searchsorted(edges, part, side="left"), minlength=count) + 0.5)
        / (len(part) + 0.5 * count)
        for part in (old, new)
    ]
    expected, actual = shares
    value = float(((actual - expected) * np.log(actual / expected)).sum())
    return value, float(stats.chi2.sf(value / (1 / len(old) + 1 / len(new)), count - 1))


def shifted(measure: str, reference: Sequence[float], served: Sequence[float]) -> list[Finding]:
    """Two looks at the same numbers: Kolmogorov and Smirnov's greatest distance, and the stability index."""
    from scipy import stats

    before, now = float(np.mean(reference)), float(np.mean(served))
    found = stats.ks_2samp(reference, served, method="asymp")
    index, p = psi(reference, served)
    return [
        Finding(f"{measure} (KS)", float(found.statistic), float(found.pvalue), before, now),
        Finding(f"{measure} (PSI)", index, p, before, now, limit=LARGE),
    ]


def share(count: int, n: int) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=0.05, method="wilson")
    return count / n, float(low), float(high)


def rate(measure: str, reference: Sequence[bool], served: Sequence[bool]) -> Finding:
    """Whether a share changed, by Fisher's exact test; the interval is that of the served share."""
    from scipy import stats

    old, new = sum(reference), sum(served)
    table = [[old, len(reference) - old], [new, len(served) - new]]
    value, low, high = share(new, len(served))
    p = float(stats.fisher_exact(table).pvalue)
    return Finding(measure, value, p, old / len(reference), value, low, high)


def auc(served: Floats, reference: Floats) -> float:
    """How often a served prompt scores above one of the reference, ties counting half: 0.5 by chance."""
    order = np.sort(reference)
    below = np.searchsorted(order, served, "left") + np.searchsorted(order, served, "right")
    return float(below.mean()) / (2 * len(order))


def told_apart(reference: Sequence[str], served: Sequence[str], seed: int) -> tuple[Finding, Floats]:
    """Whether a classifier that has not seen a prompt knows which side it came from; and each served one's score.

    Logistic regression on TF-IDF of words and pairs of words, fitted five times on four fifths. Equal prompts stay in
    one fifth, so that it cannot know them by heart.
    """
    from scipy import stats
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    texts = [*reference, *served]
    marks = np.array([0] * len(reference) + [1] * len(served))
    groups = np.unique(texts, return_inverse=True)[1]
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]"),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    scores: Floats = cross_val_predict(
        model, texts, marks, groups=groups, cv=folds, method="decision_function"
    ).astype(float)
    theirs, ours = scores[: len(reference)], scores[len(reference) :]
    value = auc(ours, theirs)
    p = float(stats.mannwhitneyu(ours, theirs, alternative="greater").pvalue)
    again = stats.bootstrap(
        (ours, theirs), auc, n_resamples=RESAMPLES, vectorized=False, method="percentile", rng=seed
    )
    low, high = float(again.confidence_interval.low), float(again.confidence_interval.high)
    return Finding("topic (AUC)", value, p, 0.5, value, low, high), ours


def some(texts: Sequence[Any], seed: int) -> list[Any]:
    """So many of them at the most, drawn by lot."""
    if len(texts) <= MOST_TEXTS:
        return list(texts)
    places = np.random.default_rng(seed).choice(len(texts), MOST_TEXTS, replace=False)
    return [texts[place] for place in sorted(places)]
