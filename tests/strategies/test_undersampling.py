"""Numbers of the formula, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013, IMBALANCED, labels_of


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [4] * 7), (8.0, [32, 4, 32, 32, 32, 32, 32]), (11.0, [40, 4, 41, 44, 44, 44, 32])],
)
def test_common_classes_are_cut_to_ratio_times_the_rarest(ratio, expected):
    labels = labels_of(IMBALANCED)
    pool = STRATEGIES["undersampling"](ratio).resample(labels, 0, 0.0)
    assert np.bincount(labels[pool]).tolist() == expected
    assert len(set(pool)) == len(pool), "no image comes twice"


def test_a_pass_through_fer2013_is_a_tenth_of_it_and_another_one_each_time():
    labels, strategy = labels_of(FER2013), STRATEGIES["undersampling"]()
    passes = [strategy.resample(labels, seed, 0.0) for seed in range(30)]
    assert {len(pool) for pool in passes} == {7 * 436}
    assert 7 * 436 / len(labels) == pytest.approx(0.106, abs=1e-3)
    disgust = np.flatnonzero(labels == 1)
    assert all(set(disgust) <= set(pool) for pool in passes)
    seen = set(np.concatenate(passes))
    assert len(seen) / len(labels) > 0.9, "nothing is lost for good"
