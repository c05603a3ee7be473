"""That it is both of its parts."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013


def test_it_has_the_margins_of_ldam_from_the_start_and_deferred_weights():
    strategy = STRATEGIES["ldam_drw"](max_margin=0.4, start=0.6)
    ldam, deferred = STRATEGIES["ldam"](max_margin=0.4), STRATEGIES["deferred_weights"](start=0.6)
    for progress in (0.0, 0.59, 0.6, 1.0):
        found, margins = (each.loss_terms(FER2013, progress) for each in (strategy, ldam))
        np.testing.assert_array_equal(found.margins, margins.margins)
        np.testing.assert_array_equal(found.weights, deferred.loss_terms(FER2013, progress).weights)
        assert found.scale == margins.scale == 30
    assert found.margins[1] == 0.4
    assert strategy.head == ldam.head == "cosine"
    assert strategy.selectable_from == 0.6
    cosines = np.eye(7, dtype=np.float32)
    np.testing.assert_array_equal(strategy.adjust_logits(cosines, FER2013), 30 * cosines)
