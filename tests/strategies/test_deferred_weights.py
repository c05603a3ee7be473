"""When the weights begin, and which they are."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013

DEFERRED = STRATEGIES["deferred_weights"]


def test_before_they_begin_it_is_cross_entropy():
    logits, labels = drawn_logits()
    found = losses(DEFERRED(), logits, labels, FER2013, progress=0.79)
    np.testing.assert_allclose(found, cross_entropy(logits, labels))


@pytest.mark.parametrize("progress", [8 / 10, 0.3 + 0.7 * (10 / 14), 0.1 * 8, 1.0])
def test_then_they_are_those_of_effective_number(progress):
    # 0.3 + 0.7 * 10 / 14 is 0.8 but for rounding, and below it.
    found = DEFERRED(ratio=5.0).loss_terms(FER2013, progress).weights
    np.testing.assert_array_equal(found, STRATEGIES["effective_number"](5.0).loss_terms(FER2013, 0.0).weights)
    assert DEFERRED(0.7).selectable_from == 0.7
