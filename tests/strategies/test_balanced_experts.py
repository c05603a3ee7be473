"""Numbers of the formula, worked by hand."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import IMBALANCED, labels_of


def test_three_experts_have_no_one_and_two_priors():
    strategy = STRATEGIES["balanced_experts"](0.5)
    shift = strategy.loss_terms(np.array([1, 3]), 0.0).shift
    np.testing.assert_allclose(shift, np.outer([0, 0.5, 1], np.log([1 / 4, 3 / 4])))
    assert strategy.head == "experts"


def test_the_first_is_plain_and_the_middle_one_logit_adjustment():
    shift = STRATEGIES["balanced_experts"](1.2).loss_terms(IMBALANCED, 0.0).shift
    np.testing.assert_array_equal(shift[0], 0)
    expected = STRATEGIES["logit_adjustment"](1.2).loss_terms(IMBALANCED, 0.0).shift
    np.testing.assert_allclose(shift[1], expected)


def test_their_product_has_the_prior_of_the_middle_one():
    for middle in (0.5, 1.0):
        found, expected = (
            effective_prior(STRATEGIES[name](middle), labels_of(IMBALANCED), 7)
            for name in ("balanced_experts", "logit_adjustment")
        )
        np.testing.assert_allclose(found, expected)
