"""When sampling becomes balanced."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, labels_of


def test_images_come_once_each_until_classes_become_equally_common():
    labels, strategy = labels_of(IMBALANCED), STRATEGIES["deferred_sampling"](0.7)
    np.testing.assert_array_equal(strategy.resample(labels, 0, 0.69), np.arange(287))
    assert np.bincount(labels[strategy.resample(labels, 0, 0.7)]).tolist() == [41] * 7
    assert strategy.selectable_from == 0.7
