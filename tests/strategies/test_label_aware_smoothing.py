"""Numbers of the formula, worked by hand, and what it is where both shares are the same."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import BALANCED, FER2013, WITHOUT_DISGUST, labels_of

SMOOTHING = STRATEGIES["label_aware_smoothing"]


def test_shares_rise_with_a_quarter_of_a_sine_from_the_rarest_to_the_commonest():
    found = SMOOTHING().loss_terms(FER2013, 0.0).smoothing
    # Angry: (3995 - 436) / (7215 - 436) = 0.5250 of the way, sin(0.5250 * 90 degrees) = 0.7343.
    assert found[0] == pytest.approx(0.3 * 0.7343, abs=1e-4)
    assert (found[1], found[3]) == (0, pytest.approx(0.3))
    half = SMOOTHING(common=0.1, rare=0.4).loss_terms(np.array([1, 2, 3]), 0.0).smoothing
    np.testing.assert_allclose(half, [0.4, 0.4 - 0.3 * np.sqrt(0.5), 0.1])


def test_the_same_share_for_both_is_plain_smoothing():
    logits, labels = drawn_logits()
    found = losses(SMOOTHING(common=0.2, rare=0.2), logits, labels, FER2013)
    of_each = np.stack([cross_entropy(logits, np.full(len(labels), c)) for c in range(7)])
    np.testing.assert_allclose(found, 0.8 * cross_entropy(logits, labels) + 0.2 * of_each.mean(axis=0))


def test_equally_common_classes_are_all_the_commonest_and_one_without_images_is_rare():
    np.testing.assert_array_equal(SMOOTHING().loss_terms(BALANCED, 0.0).smoothing, 0.3)
    found = SMOOTHING().loss_terms(WITHOUT_DISGUST, 0.0).smoothing
    assert found[1] == found[6] == 0


def test_smoothed_classes_lose_that_share_of_their_prior():
    counts = np.array([60, 20])
    np.testing.assert_allclose(effective_prior(SMOOTHING(), labels_of(counts), 2), [0.7 * 3 / 3.1, 1 / 3.1])
