"""Numbers of the formula, worked by hand, and its two ends."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, labels_of

LABELS = labels_of(IMBALANCED)


def counts(progress, end=1.0):
    return np.bincount(LABELS[STRATEGIES["progressive_sampling"](end).resample(LABELS, 3, progress)]).tolist()


@pytest.mark.parametrize(
    ("progress", "expected"),
    # In the middle the mean of a class's count and 41, to the even one of two: (72 + 41) / 2 = 56.5.
    [(0.0, IMBALANCED.tolist()), (0.5, [40, 22, 41, 56, 46, 44, 36]), (1.0, [41] * 7)],
)
def test_shares_go_over_to_equal_ones(progress, expected):
    assert counts(progress) == expected


def test_it_begins_with_every_image_once():
    pool = STRATEGIES["progressive_sampling"]().resample(LABELS, 3, 0.0)
    np.testing.assert_array_equal(np.sort(pool), np.arange(len(LABELS)))


def test_it_may_be_balanced_before_the_end():
    assert counts(0.25, end=0.5) == counts(0.5)
    assert counts(0.5, end=0.5) == counts(0.8, end=0.5) == [41] * 7
