"""Its head and its sampling."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, labels_of


def test_factors_on_the_logits_learn_equally_common_classes():
    labels, strategy = labels_of(IMBALANCED), STRATEGIES["learnable_weight_scaling"]()
    assert strategy.head == "scaled"
    assert np.bincount(labels[strategy.resample(labels, 0, 0.0)]).tolist() == [41] * 7
