"""Where it makes rows, and what it leaves to SMOTE."""

import imblearn.over_sampling
import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import features_of, labels_of

ADASYN, SMOTE = STRATEGIES["adasyn"], STRATEGIES["smote"]


def test_rows_are_made_from_those_among_other_classes_alone():
    # Of class 1 six rows keep to themselves, r = 0, and two lie among class 0: all are made from these two,
    # towards any of the class, while SMOTE makes three of four between the six.
    features = np.concatenate([np.linspace(-1, 1, 60), 1000 + np.arange(6), [0.01, 0.5]])[:, None]
    labels = np.repeat([0, 1], [60, 8]).astype(np.int32)
    far = {}
    for kind in (ADASYN, SMOTE):
        rows, of = kind().resample_features(features.astype(np.float32), labels, 0)
        assert of.tolist() == [*labels, *[1] * 52]
        far[kind] = np.mean(rows[68:, 0] > 999)
    assert far[ADASYN] < 0.1
    assert far[SMOTE] == pytest.approx(0.75, abs=0.15)


def test_what_rounding_leaves_over_is_made_up_for():
    # Class 1 has three rows with 2 neighbours each, of which 2, 1 and 1 are of class 0: of the 2 rows that it
    # lacks 1, 1/2 and 1/2 are theirs. imbalanced-learn rounds halves to nothing; one more is SMOTE's.
    features = np.array([[1], [2], [3], [4], [5], [0], [100], [101]], np.float32)
    labels = np.repeat([0, 1], [5, 3]).astype(np.int32)
    alone = imblearn.over_sampling.ADASYN(sampling_strategy={1: 5}, n_neighbors=2, random_state=1)
    assert len(alone.fit_resample(features, labels)[0]) == 9
    assert np.bincount(ADASYN().resample_features(features, labels, 1)[1]).tolist() == [5, 5]


def test_classes_that_no_other_comes_near_are_smotes():
    labels = labels_of(np.array([72, 20, 9]))
    apart = features_of(labels) + 1000 * labels[:, None].astype(np.float32)
    for found, expected in zip(
        ADASYN(0.5).resample_features(apart, labels, 3),
        SMOTE(0.5).resample_features(apart, labels, 3),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_lone_row_is_repeated_and_a_pair_has_one_neighbour():
    labels = np.repeat(np.arange(3), [20, 2, 1]).astype(np.int32)
    features = np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32)
    rows, of = ADASYN().resample_features(features, labels, 0)
    assert np.bincount(of).tolist() == [20, 20, 20]
    np.testing.assert_array_equal(rows[of == 2], features[22:].repeat(20, axis=0))
