"""Numbers of the formula, worked by hand, and its two ends."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.strategies.power_sampling import power_shares
from fer_bench.testing.strategies import FER2013, IMBALANCED, WITHOUT_DISGUST, labels_of

POWER = STRATEGIES["power_sampling"]


def test_the_root_of_1_4_and_9_images_is_1_2_and_3_sixths():
    labels = labels_of(np.array([4, 16, 36]))
    pool = POWER(0.5).resample(labels, 0, 0.0)
    assert np.bincount(labels[pool]).tolist() == [9, 19, 28]  # of 56: a sixth, a third and a half, rounded


def test_the_root_gives_disgust_of_fer2013_a_share_of_4_9_percent():
    assert power_shares(FER2013, 0.5)[1] == pytest.approx(0.049, abs=5e-4)
    assert power_shares(WITHOUT_DISGUST, 0.0)[1] == 0


def test_exponent_1_takes_every_image_once_and_0_is_class_aware():
    labels = labels_of(IMBALANCED)
    np.testing.assert_array_equal(np.sort(POWER(1.0).resample(labels, 3, 0.0)), np.arange(len(labels)))
    np.testing.assert_array_equal(
        POWER(0.0).resample(labels, 3, 0.0), STRATEGIES["class_aware_sampling"]().resample(labels, 3, 0.0)
    )
