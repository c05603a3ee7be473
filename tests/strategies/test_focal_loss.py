"""What the strategy hands to the loss."""

from fer_bench.strategies.base import STRATEGIES, LossTerms
from fer_bench.study.prior import is_no_op
from fer_bench.testing.strategies import BALANCED, FER2013, labels_of


def test_focal_loss_hands_on_its_gamma_and_no_weights():
    assert STRATEGIES["focal_loss"](3.5).loss_terms(FER2013, 0.0) == LossTerms(gamma=3.5)
    assert STRATEGIES["focal_loss"]().gamma == 2.0


def test_the_focus_of_focal_loss_acts_on_balanced_data_too():
    assert not is_no_op(STRATEGIES["focal_loss"](), labels_of(BALANCED), 7)
