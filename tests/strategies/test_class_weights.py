"""Numbers of the formula, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013


def test_class_weights_of_fer2013_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    weights = STRATEGIES["class_weights"]().loss_terms(FER2013, 0.0).weights
    assert weights[1] == pytest.approx(28_709 / (7 * 436))
    assert weights[1] == pytest.approx(9.4066, abs=1e-4)
    assert weights[3] == pytest.approx(0.5684, abs=1e-4)
    sklearns = compute_class_weight("balanced", classes=np.arange(7), y=np.repeat(np.arange(7), FER2013))
    np.testing.assert_allclose(weights, sklearns)


def test_power_one_half_takes_the_root_and_power_0_nothing():
    half, none = (STRATEGIES["class_weights"](power).loss_terms(FER2013, 0.0).weights for power in (0.5, 0.0))
    assert half[1] == pytest.approx(3.0670, abs=1e-4)
    np.testing.assert_array_equal(none, 1)
