"""Rows made of features, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, WITHOUT_DISGUST


def test_smote_goes_a_drawn_share_of_the_way_to_a_neighbour():
    # Class 1 has two rows, at 0 and at 10: a made one is at 10 u or at 10 (1 - u), u the sampler's draws.
    features = np.array([[5], [6], [7], [8], [0], [10]], np.float32)
    rows, labels = STRATEGIES["smote"]().resample_features(features, np.array([0, 0, 0, 0, 1, 1], "int32"), 7)
    draws = np.random.RandomState(7)
    first, share = draws.randint(0, 2, size=2), draws.uniform(size=2)
    np.testing.assert_allclose(rows[6:, 0], 10 * np.where(first == 0, share, 1 - share), rtol=1e-6)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [72] * 7), (0.5, [40, 36, 41, 72, 50, 48, 36]), (0.1, [40, 7, 41, 72, 50, 48, 32])],
)
def test_smote_raises_each_class_to_ratio_times_the_largest(ratio, expected):
    assert STRATEGIES["smote"](ratio).feature_counts(IMBALANCED).tolist() == expected
    assert STRATEGIES["smote"](ratio).feature_counts(WITHOUT_DISGUST)[1] == 0


def test_smote_takes_five_neighbours_or_as_many_as_there_are_and_repeats_a_lone_row():
    labels = np.repeat(np.arange(4), [40, 9, 3, 1]).astype(np.int32)
    features = np.where(labels == 1, np.arange(53), 1000)[:, None].astype(np.float32)
    features[labels == 2] = [[0], [1], [100]]
    rows, found = STRATEGIES["smote"]().resample_features(features, labels, 0)
    made, of = rows[53:, 0], found[53:]
    assert np.bincount(of).tolist() == [0, 31, 37, 39]
    near = made[of == 1]  # of nine in a row at 40 to 48; the five nearest of an end are up to 5 away
    assert near.min() >= 40 and near.max() <= 48
    assert made[of == 2].max() > 10, "both others are neighbours, however far"
    assert np.all(made[of == 3] == 1000)
