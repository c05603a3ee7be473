"""Its head and its sampling."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, labels_of


def test_a_fresh_head_learns_equally_common_classes():
    labels, strategy = labels_of(IMBALANCED), STRATEGIES["classifier_retraining"]()
    assert strategy.head == "fresh"
    assert np.bincount(labels[strategy.resample(labels, 0, 0.0)]).tolist() == [41] * 7
