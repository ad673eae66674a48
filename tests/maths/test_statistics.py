"""Estimates with error bars (T25, T31)."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.maths.statistics import best_of_n_gold, cluster_interval, gap_recovered, student_quantile

examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def test_t8_gap_recovered_by_hand():
    """The golden value; without a gap there is nothing to recover."""
    assert gap_recovered(0.6, 0.75, 0.8) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no gap"):
        gap_recovered(0.6, 0.7, 0.6)


def test_best_of_n_by_hand():
    """T31: proxies 1, 2, 3: of the three pairs the last is best in two, the middle one in one."""
    proxy, gold = [3.0, 1.0, 2.0], [10.0, 0.0, 4.0]
    assert best_of_n_gold(proxy, gold, 1) == pytest.approx(14 / 3, abs=1e-12)
    assert best_of_n_gold(proxy, gold, 2) == pytest.approx((2 * 10 + 4) / 3, abs=1e-12)
    assert best_of_n_gold(proxy, gold, 3) == pytest.approx(10.0, abs=1e-12)


@examples
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-9, 9)), min_size=1, max_size=7), st.data())
def test_best_of_n_is_the_mean_over_all_choices(samples, data):
    """T31, erratum 4.86: the *argmax* by proxy; among equal proxies each may be picked."""
    n = data.draw(st.integers(1, len(samples)))
    picked = []
    for chosen in itertools.combinations(samples, n):
        top = max(proxy for proxy, _ in chosen)
        picked.append(np.mean([gold for proxy, gold in chosen if proxy == top]))
    proxy, gold = zip(*samples, strict=True)
    assert best_of_n_gold(proxy, gold, n) == pytest.approx(float(np.mean(picked)), abs=1e-9)


def test_best_of_n_by_its_own_score_never_falls():
    """T31: the expected best grows with n, also for many samples (no overflow in the binomials)."""
    scores = np.random.default_rng(0).normal(size=4000)
    rise = [best_of_n_gold(scores, scores, n) for n in (1, 2, 4, 16, 64, 1024, 4000)]
    assert rise == sorted(rise)
    assert rise[0] == pytest.approx(scores.mean(), abs=1e-12)
    assert rise[-1] == scores.max()


def test_best_of_n_refuses_more_than_there_is():
    with pytest.raises(ValueError, match="n = 3"):
        best_of_n_gold([1.0, 2.0], [1.0, 2.0], 3)
    with pytest.raises(ValueError, match="equally long"):
        best_of_n_gold([1.0, 2.0], [1.0], 1)


@pytest.mark.parametrize(
    ("level", "freedom", "value"),
    [
        (0.95, 1, 12.7062047364),
        (0.95, 2, 4.3026527299),
        (0.95, 3, 3.1824463053),
        (0.95, 4, 2.7764451052),
        (0.90, 5, 2.0150483733),
        (0.99, 10, 3.1692726726),
        (0.95, 30, 2.0422724563),
        (0.95, 1000, 1.9623390808),
    ],
)
def test_student_quantile_from_the_tables(level, freedom, value):
    """Two-sided table values (scipy.stats.t.ppf)."""
    assert student_quantile(level, freedom) == pytest.approx(value, abs=1e-9)


def test_student_quantile_refuses_nonsense():
    for level, freedom in ((0.0, 5), (1.0, 5), (0.95, 0)):
        with pytest.raises(ValueError, match="must lie in"):
            student_quantile(level, freedom)


def test_one_value_a_cluster_is_students_interval():
    """(1, 2, 3, 4, 5): mean 3, s^2 = 2.5, half-width t4 sqrt(2.5 / 5)."""
    mean, low, high = cluster_interval([1, 2, 3, 4, 5], ["a", "b", "c", "d", "e"])
    half = 2.7764451052 * math.sqrt(0.5)
    assert (mean, low, high) == pytest.approx((3.0, 3 - half, 3 + half), abs=1e-9)


def test_copies_add_no_certainty():
    """Each value four times in its cluster: the interval is that of the values themselves."""
    values, prompts = [0.0, 1.0, 1.0, 0.5, 1.0], ["p", "q", "r", "s", "t"]
    once = cluster_interval(values, prompts, level=0.9)
    assert cluster_interval(np.repeat(values, 4), np.repeat(prompts, 4), level=0.9) == pytest.approx(
        once, abs=1e-12
    )
    naive = cluster_interval(np.repeat(values, 4), np.arange(20), level=0.9)
    assert naive[2] - naive[1] < 0.6 * (once[2] - once[1])


def test_unequal_clusters_by_hand():
    """(0, 1 | 1): mean 2/3, deviations sum to -1/3 and 1/3, v = 2 (2/9) / 9, t1 = 12.706."""
    mean, low, high = cluster_interval([0.0, 1.0, 1.0], [5, 5, 8])
    half = 12.7062047364 * math.sqrt(4 / 81)
    assert (mean, low, high) == pytest.approx((2 / 3, 2 / 3 - half, 2 / 3 + half), abs=1e-8)


def test_one_cluster_says_nothing_about_spread():
    assert cluster_interval([1.0, 0.0], ["p", "p"]) == (0.5, -math.inf, math.inf)
    with pytest.raises(ValueError, match="equally long"):
        cluster_interval([], [])


def test_coverage_with_prompts_that_differ():
    """20 prompts of 4 samples that share most of their luck: 95 % intervals hold the truth in 92-98 %."""
    rng, hits = np.random.default_rng(1), 0
    prompts = np.repeat(np.arange(20), 4)
    for _ in range(500):
        values = rng.normal(size=20)[prompts] + rng.normal(size=80)
        _, low, high = cluster_interval(values, prompts)
        hits += low <= 0 <= high
    assert 0.92 <= hits / 500 <= 0.98


def test_statistics_needs_no_torch():
    """Rooms without torch may import it: the package's face is empty."""
    code = "import sys, concord.maths.statistics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
