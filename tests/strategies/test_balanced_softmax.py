"""A number of the formula, worked by hand, and that it is logit adjustment."""

import numpy as np
import pytest
from numpy_loss import drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013


def test_a_class_counts_as_often_as_it_has_images():
    # n exp z is 1 * 3 and 3 * 1: p = 1/2.
    logits = np.array([[np.log(3), 0.0]])
    found = losses(STRATEGIES["balanced_softmax"](), logits, np.array([0]), np.array([1, 3]))
    assert found[0] == pytest.approx(np.log(2))


def test_it_is_logit_adjustment_with_tau_1():
    logits, labels = drawn_logits()
    found, expected = (
        losses(strategy, logits, labels, FER2013)
        for strategy in (STRATEGIES["balanced_softmax"](), STRATEGIES["logit_adjustment"](1.0))
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    by_counts = np.log((FER2013 * np.exp(logits)).sum(1)) - (logits + np.log(FER2013))[range(200), labels]
    np.testing.assert_allclose(found, by_counts, rtol=1e-10)
