"""What it hands to the loss, and when; the factor itself is a test of the loss."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013

INFLUENCE = STRATEGIES["influence_balanced"]


def test_before_it_begins_it_is_cross_entropy():
    logits, labels = drawn_logits()
    found = losses(INFLUENCE(0.6), logits, labels, FER2013, progress=0.59)
    np.testing.assert_allclose(found, cross_entropy(logits, labels))
    assert INFLUENCE(0.6).loss_terms(FER2013, 0.59).influence == 0


@pytest.mark.parametrize("progress", [0.6, 0.1 * 6, 0.2 + 0.4, 1.0])
def test_from_then_on_images_are_divided_by_their_influence_and_weighed_by_rarity(progress):
    terms = INFLUENCE(0.6).loss_terms(FER2013, progress)
    assert terms.influence == 1
    assert terms.weights[1] == pytest.approx(28_709 / (7 * 436))
    assert INFLUENCE(0.6).selectable_from == 0.6
