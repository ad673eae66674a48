"""Tests that are read together."""

import math

import pytest

from concord.monitoring.together import holm


def test_holm_by_hand():
    """Of .01, .04, .03 the smallest counts three times, the next twice, the last once, and none falls below it."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06], abs=1e-12)
    assert holm([0.5, math.nan, 0.01]) == pytest.approx([1.0, 1.0, 0.03], abs=1e-12)
    assert holm([]) == []
