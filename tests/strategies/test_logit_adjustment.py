"""Numbers of the formula, worked by hand, and what it is for tau 0."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.strategies.logit_adjustment import log_prior
from fer_bench.testing.strategies import FER2013, WITHOUT_DISGUST


@pytest.mark.parametrize(
    ("tau", "expected"),
    [(1.0, np.log(4)), (2.0, np.log(10))],  # p = 1 / (1 + 3), and 1 / (1 + 3^2)
)
def test_equal_logits_of_one_image_and_three(tau, expected):
    strategy = STRATEGIES["logit_adjustment"](tau)
    assert losses(strategy, np.zeros((1, 2)), np.array([0]), np.array([1, 3]))[0] == pytest.approx(expected)


def test_tau_0_is_cross_entropy():
    logits, labels = drawn_logits()
    found = losses(STRATEGIES["logit_adjustment"](0.0), logits, labels, FER2013)
    np.testing.assert_allclose(found, cross_entropy(logits, labels))


def test_a_class_without_images_has_the_prior_of_the_commonest():
    prior = log_prior(WITHOUT_DISGUST)
    assert prior[1] == prior.max() == np.log(72 / 283)
    np.testing.assert_allclose(np.exp(log_prior(FER2013)), FER2013 / FER2013.sum())
