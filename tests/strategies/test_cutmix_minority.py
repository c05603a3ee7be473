"""What it asks for, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import WITHOUT_DISGUST, labels_of

CMO = STRATEGIES["cmo"]


@pytest.mark.parametrize(
    ("rarity", "expected"),
    [(0.5, [2 / 5, 1 / 5, 2 / 5]), (1.0, [1 / 3] * 3), (2.0, [1 / 6, 2 / 3, 1 / 6])],
)
def test_pasted_images_are_of_classes_by_a_power_of_their_rarity(rarity, expected):
    # Counts 4, 1 and 4: roots 2, 1, 2 of 5; equal; and inverses 1/4, 1, 1/4 of 3/2.
    mixing = CMO(rarity=rarity).mixing(np.array([4, 1, 4]), 0.0)
    np.testing.assert_allclose(mixing.partners, expected)
    assert (mixing.box, mixing.alpha, mixing.share) == (True, 1.0, 0.5)


def test_a_class_without_images_is_not_pasted():
    assert CMO().mixing(WITHOUT_DISGUST, 0.0).partners[1] == 0


def test_its_effective_prior_counts_what_is_pasted():
    # A square of area u, uniform, cut at the border covers u - u^1.5 / 2 + u^2 / 16 of the image on average:
    # 1/2 - 1/5 + 1/48 = 0.3208 of the half that is mixed, of a class that is drawn every other time.
    prior = effective_prior(CMO(), labels_of(np.array([90, 10])), 2)
    assert prior[1] == pytest.approx(0.1 + 0.5 * 0.320833 * (0.5 - 0.1), abs=1e-6)
