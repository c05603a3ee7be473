"""Numbers of the formula, worked by hand, and its two ends."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013

ROBUST = STRATEGIES["generalised_cross_entropy"]


@pytest.mark.parametrize(("q", "expected"), [(0.5, 1.0), (1.0, 0.75)])
def test_equal_logits_of_four(q, expected):
    # p = 1/4: (1 - 1/2) / (1/2) = 1, and 1 - 1/4 = 3/4.
    found = losses(ROBUST(q), np.zeros((1, 4)), np.array([2]), np.array([9, 8, 7, 6]))
    assert found[0] == pytest.approx(expected)


def test_near_q_0_it_is_cross_entropy():
    logits, labels = drawn_logits()
    found = losses(ROBUST(1e-7), logits, labels, FER2013)
    np.testing.assert_allclose(found, cross_entropy(logits, labels), rtol=1e-5)


def test_what_is_impossible_costs_at_most_one_over_q():
    found = losses(ROBUST(0.7), [[500.0, 0.0]], np.array([1]), np.array([5, 5]))
    assert found[0] == pytest.approx(1 / 0.7)
