"""What it asks for, worked by hand, and that it is mixup for an infinite kappa."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import FER2013, labels_of

REMIX = STRATEGIES["remix"]


def pair_shares(strategy, first, second, share):
    """Share of the first label in the target of a pair whose first image has this share, by the rule."""
    mixing = strategy.mixing(FER2013, 0.0)
    ratio = FER2013[first] / FER2013[second]
    if ratio >= mixing.kappa and share < mixing.threshold:
        return 0.0
    if 1 / ratio >= mixing.kappa and 1 - share < mixing.threshold:
        return 1.0
    return share


def test_the_rarer_of_two_has_all_of_the_label_where_the_commoner_has_less_than_half_of_the_image():
    happy, disgust, surprise = 3, 1, 6
    assert pair_shares(REMIX(), happy, disgust, 0.49) == 0, "16.5 to 1"
    assert pair_shares(REMIX(), disgust, happy, 0.51) == 1
    assert pair_shares(REMIX(), happy, disgust, 0.51) == 0.51
    assert pair_shares(REMIX(), happy, surprise, 0.1) == 0.1, "2.28 to 1 is less than 3"
    assert pair_shares(REMIX(kappa=2.0), happy, surprise, 0.1) == 0


def test_an_infinite_kappa_is_mixup():
    found, mixup = REMIX(kappa=np.inf).mixing(FER2013, 0.0), STRATEGIES["mixup"](1.0).mixing(FER2013, 0.0)
    assert (found.alpha, found.kappa, found.share, found.partners) == (
        mixup.alpha, mixup.kappa, mixup.share, mixup.partners,
    )  # fmt: skip
    labels = labels_of(FER2013 // 10)
    priors = [effective_prior(s, labels, 7) for s in (REMIX(kappa=np.inf), STRATEGIES["mixup"]())]
    np.testing.assert_allclose(*priors)


def test_what_the_rare_class_gains_is_in_the_effective_prior():
    # Counts 9 and 1, all mixed uniformly: in a pair of both the common one keeps the integral of l from 1/2
    # to 1, 3/8 instead of 1/2. Pairs of both are 2 * 0.9 * 0.1 of all: 0.1 + 0.18 / 8 = 0.1225.
    prior = effective_prior(REMIX(), labels_of(np.array([90, 10])), 2)
    assert prior[1] == pytest.approx(0.1225)
