"""The control."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES, LossTerms
from fer_bench.testing.strategies import FER2013, IMBALANCED, labels_of


def test_none_is_plain_cross_entropy_on_every_image_once():
    strategy = STRATEGIES["none"]()
    assert strategy.loss_terms(FER2013, 0.0) == LossTerms()
    np.testing.assert_array_equal(
        strategy.resample(labels_of(IMBALANCED), 0, 0.0), np.arange(IMBALANCED.sum())
    )
