"""Numbers of the formula, worked by hand, which classes are rare, and what it is where none is."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import effective_prior
from fer_bench.testing.strategies import BALANCED, FER2013, WITHOUT_DISGUST, labels_of

EQUALIZATION = STRATEGIES["equalization_loss"]


@pytest.mark.parametrize(
    ("rarity", "rare"), [(0.2, [1]), (0.5, [1]), (0.77, [1]), (0.78, [1, 6]), (0.9, [1, 6])]
)
def test_rare_are_classes_with_few_images_for_the_data(rarity, rare):
    suppression = EQUALIZATION(0.9, rarity).loss_terms(FER2013, 0.0).suppression
    assert np.flatnonzero(suppression).tolist() == rare
    assert set(suppression[rare]) == {0.9}


def test_images_of_other_classes_mostly_leave_the_rare_one_out():
    # Counts 1, 9, 9: of three equal logits two count with probability 0.9. Own images count all three.
    counts, labels = np.array([1, 9, 9]), np.array([1, 1, 0])
    found = losses(EQUALIZATION(), np.zeros((3, 3)), labels, counts, draws=np.array([0.89, 0.91, 0.0]))
    np.testing.assert_allclose(found, np.log([2, 3, 3]))


def test_where_no_class_is_rare_it_is_cross_entropy():
    logits, labels = drawn_logits()
    found = losses(EQUALIZATION(0.95, 0.9), logits, labels, BALANCED, draws=np.zeros(len(labels)))
    np.testing.assert_allclose(found, cross_entropy(logits, labels))


def test_a_class_without_images_is_left_in_where_it_is_pushed_down():
    assert EQUALIZATION().loss_terms(WITHOUT_DISGUST, 0.0).suppression[1] == 0


def test_its_effective_prior_is_where_the_expected_gradient_vanishes():
    # Of class 1, with 10 of 100 images and suppressed by 0.8: 0.9 (1 - 0.8) p - 0.1 (1 - p) = 0.
    prior = effective_prior(EQUALIZATION(suppression=0.8), labels_of(np.array([90, 10])), 2)
    assert 0.9 * 0.2 * prior[1] == pytest.approx(0.1 * prior[0])
