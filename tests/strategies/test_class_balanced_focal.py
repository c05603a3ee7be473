"""Numbers of the formula, worked by hand."""

import numpy as np
import pytest
from numpy_loss import drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013


def test_it_multiplies_the_weight_and_the_focus():
    # Counts 1 and 3 with a ratio of 7/4: the weight is 14/11. p = 1/2: 14/11 * (1/2)^2 * ln 2.
    strategy = STRATEGIES["class_balanced_focal"](ratio=1.75, gamma=2.0)
    found = losses(strategy, np.zeros((1, 2)), np.array([0]), np.array([1, 3]))
    assert found[0] == pytest.approx(0.2205467, abs=1e-6)


def test_without_focus_it_is_effective_number_and_without_weights_focal_loss():
    logits, labels = drawn_logits()
    both, weights, focus = (STRATEGIES[n] for n in ("class_balanced_focal", "effective_number", "focal_loss"))
    for left, right in ((both(ratio=5.0, gamma=0.0), weights(5.0)), (both(ratio=1.0, gamma=2.0), focus(2.0))):
        np.testing.assert_allclose(
            losses(left, logits, labels, FER2013), losses(right, logits, labels, FER2013)
        )
