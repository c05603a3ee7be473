"""Pools with given counts and shares."""

import numpy as np
import pytest

from fer_bench.strategies.pools import pool_of_counts, pool_of_shares
from fer_bench.testing.strategies import IMBALANCED, labels_of

LABELS = labels_of(IMBALANCED)


def test_a_class_has_its_count_and_its_images_come_equally_often_but_for_one():
    wanted = np.array([40, 10, 0, 7, 101, 48, 1])
    pool = pool_of_counts(LABELS, wanted, 3)
    np.testing.assert_array_equal(np.bincount(LABELS[pool], minlength=7), wanted)
    times = np.bincount(pool, minlength=len(LABELS))
    for c in range(7):
        assert np.ptp(times[c == LABELS]) <= 1
    # Ten of a class with four images: two and a half times each.
    assert sorted(times[LABELS == 1]) == [2, 2, 3, 3]


def test_which_images_come_once_more_is_drawn():
    pools = [pool_of_counts(LABELS, np.array([1] * 7), seed) for seed in range(40)]
    assert len({tuple(sorted(pool)) for pool in pools}) > 30
    np.testing.assert_array_equal(pools[3], pool_of_counts(LABELS, np.array([1] * 7), 3))


def test_shares_are_rounded_to_images_but_not_to_none():
    pool = pool_of_shares(LABELS, np.array([0.5, 0.001, 0.499, 0, 0, 0, 0]), 0)
    assert np.bincount(LABELS[pool], minlength=7).tolist() == [144, 1, 143, 0, 0, 0, 0]
    assert len(pool) == pytest.approx(len(LABELS), abs=3)


def test_the_shares_that_are_there_give_every_image_once():
    pool = pool_of_shares(LABELS, IMBALANCED / IMBALANCED.sum(), 5)
    np.testing.assert_array_equal(np.sort(pool), np.arange(len(LABELS)))
