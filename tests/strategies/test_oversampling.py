"""Numbers of the formula, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, labels_of


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [72] * 7), (0.5, [40, 36, 41, 72, 50, 48, 36]), (0.1, [40, 7, 41, 72, 50, 48, 32])],
)
def test_oversampling_raises_each_class_to_ratio_times_the_largest(ratio, expected):
    labels = labels_of(IMBALANCED)
    pool = STRATEGIES["oversampling"](ratio).resample(labels, 0, 0.0)
    assert np.bincount(labels[pool]).tolist() == expected
    assert set(pool) == set(range(len(labels))), "no image is lost"


def test_oversampling_draws_other_images_with_another_seed():
    strategy, labels = STRATEGIES["oversampling"](), labels_of(IMBALANCED)
    assert not np.array_equal(strategy.resample(labels, 0, 0.0), strategy.resample(labels, 1, 0.0))
