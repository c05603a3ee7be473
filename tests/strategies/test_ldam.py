"""Numbers of the formula, worked by hand, and what it is without margins."""

import numpy as np
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013, WITHOUT_DISGUST

LDAM = STRATEGIES["ldam"]


def test_margins_fall_with_the_fourth_root_of_the_count():
    np.testing.assert_allclose(
        LDAM().loss_terms(FER2013, 0.0).margins, [0.287, 0.5, 0.286, 0.248, 0.272, 0.274, 0.304], atol=1e-3
    )
    found = LDAM().loss_terms(WITHOUT_DISGUST, 0.0).margins
    assert found[1] == found[6] == 0.5, "the rarest that is there has 32"


def test_an_image_has_to_win_by_its_margin():
    # Counts 1 and 16: margins 1/2 and 1/4. Cosines 0.6 and 0.8, times 10: 1 against 8, or 6 against 5.5.
    found = losses(LDAM(0.5, 10.0), [[0.6, 0.8]] * 2, np.array([0, 1]), np.array([1, 16]))
    np.testing.assert_allclose(found, [np.log(1 + np.exp(7)), np.log(1 + np.exp(0.5))])


def test_without_margins_it_is_cross_entropy_of_the_logits_that_predictions_are_taken_from():
    logits, labels = drawn_logits()
    cosines = np.tanh(logits).astype(np.float32)
    strategy = LDAM(max_margin=0.0, scale=20.0)
    predicted = strategy.adjust_logits(cosines, FER2013)
    np.testing.assert_allclose(predicted, 20 * cosines)
    np.testing.assert_allclose(
        losses(strategy, cosines, labels, FER2013), cross_entropy(predicted, labels), rtol=1e-5
    )
    assert strategy.head == "cosine"
