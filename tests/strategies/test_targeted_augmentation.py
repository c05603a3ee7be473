"""Numbers of the formula, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013


def test_targeted_augmentation_takes_a_power_of_rarity_up_to_four():
    factors = STRATEGIES["targeted_augmentation"](0.25).augment_strength(FER2013)
    assert factors[3] == 1, "the commonest class keeps the recipe's strength"
    assert factors[1] == pytest.approx((7215 / 436) ** 0.25)
    assert factors[1] == pytest.approx(2.0169, abs=1e-4)
    assert factors[6] == pytest.approx(1.2282, abs=1e-4)
    # 16 times rarer: the root is 4, and so it stays for what is rarer still.
    root = STRATEGIES["targeted_augmentation"](0.5).augment_strength(np.array([1600, 400, 100, 1, 0]))
    np.testing.assert_allclose(root, [1, 2, 4, 4, 1])
    np.testing.assert_array_equal(STRATEGIES["targeted_augmentation"](0.0).augment_strength(FER2013), 1)
