"""What it asks for."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES, Mixing
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import FER2013, IMBALANCED, labels_of


def test_all_images_are_mixed_by_beta_shares_with_others_as_they_come():
    assert STRATEGIES["mixup"](0.4).mixing(FER2013, 0.0) == Mixing(alpha=0.4)


def test_no_class_gains_or_loses():
    prior = effective_prior(STRATEGIES["mixup"](), labels_of(IMBALANCED), 7)
    np.testing.assert_allclose(prior, IMBALANCED / 287)
