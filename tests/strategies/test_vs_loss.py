"""Numbers of the formula, worked by hand, and what it is where a parameter is 0."""

import numpy as np
import pytest
from numpy_loss import cross_entropy, drawn_logits, losses

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013, WITHOUT_DISGUST

VS_LOSS = STRATEGIES["vs_loss"]


@pytest.mark.parametrize(
    ("tau", "expected"),
    [(0.0, 0.313262), (1.0, 1.929500)],  # ln(1 + 1/e), and ln(1 + 16/e)
)
def test_the_rarer_class_brings_twice_the_logit(tau, expected):
    # Counts 1 and 16, gamma 1/4: Delta is 2 for the first, whose logit 2 counts as 1.
    found = losses(VS_LOSS(0.25, tau), [[2.0, 0.0]], np.array([0]), np.array([1, 16]))
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_gamma_0_is_logit_adjustment_and_tau_0_too_cross_entropy():
    logits, labels = drawn_logits()
    np.testing.assert_allclose(
        losses(VS_LOSS(0.0, 1.3), logits, labels, FER2013),
        losses(STRATEGIES["logit_adjustment"](1.3), logits, labels, FER2013),
    )
    np.testing.assert_allclose(
        losses(VS_LOSS(0.0, 0.0), logits, labels, FER2013), cross_entropy(logits, labels)
    )


def test_a_class_without_images_counts_as_the_commonest():
    terms = VS_LOSS().loss_terms(WITHOUT_DISGUST, 0.0)
    assert terms.scale[1] == terms.scale[3] == 1
    assert terms.shift[1] == terms.shift[3] == terms.shift.max()
