"""Where it makes rows, and what it leaves to SMOTE."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import features_of, labels_of

BORDERLINE, SMOTE = STRATEGIES["borderline_smote"], STRATEGIES["smote"]


def test_rows_are_made_from_those_whose_neighbours_are_half_of_other_classes():
    # Class 0 at 0, 1, ..., 39. Of class 1 six rows at 20 to 20.5 have 5 of 10 neighbours there: m_i = m / 2.
    # Twelve far away have none of others nearby, and one at 30.5 none but others: neither is a border.
    features = np.concatenate([np.arange(40), 20 + np.arange(6) / 10, 1000 + np.arange(12), [30.5]])[:, None]
    labels = np.repeat([0, 1], [40, 19]).astype(np.int32)
    rows, of = BORDERLINE().resample_features(features.astype(np.float32), labels, 0)
    assert np.bincount(of).tolist() == [40, 40]
    made = rows[59:, 0]
    assert np.all((made >= 20) & (made <= 20.5))


def test_classes_without_a_border_are_smotes():
    labels = labels_of(np.array([72, 20, 15]))
    apart = features_of(labels) + 1000 * labels[:, None].astype(np.float32)
    for found, expected in zip(
        BORDERLINE(0.4).resample_features(apart, labels, 3),
        SMOTE(0.4).resample_features(apart, labels, 3),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_fewer_rows_than_neighbours_are_smotes():
    features = np.array([[0], [1], [2], [3], [1.5], [2.5]], np.float32)
    labels = np.array([0, 0, 0, 0, 1, 1], np.int32)
    found, expected = (kind().resample_features(features, labels, 5)[0] for kind in (BORDERLINE, SMOTE))
    np.testing.assert_array_equal(found, expected)
