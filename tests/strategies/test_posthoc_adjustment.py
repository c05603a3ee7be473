"""Numbers of the formula, worked by hand."""

import numpy as np
from sklearn.metrics import f1_score

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import BALANCED, FER2013, WITHOUT_DISGUST, labels_of
from fer_bench.testing.training_splits import calibrated_logits

POSTHOC = STRATEGIES["posthoc_adjustment"]()


def test_the_smallest_tau_with_the_best_macro_f1_is_taken():
    # Counts 9 and 1: tau ln 9 = 2.197 tau. Rare images are behind by 1, common ones ahead by 3: what is
    # between parts them, which 0.5 (1.099) does and 0.45 (0.989) does not.
    logits, labels = np.array([[1.0, 0], [1.0, 0], [3.0, 0], [3.0, 0]]), np.array([1, 1, 0, 0])
    offsets = POSTHOC.fit_decision(logits, labels, np.array([9, 1]))
    np.testing.assert_allclose(offsets, [0, 0.5 * np.log(9)])


def test_where_all_is_right_already_nothing_is_added():
    labels = labels_of(FER2013 // 40)
    offsets = POSTHOC.fit_decision(9 * np.eye(7)[labels], labels, FER2013)
    np.testing.assert_array_equal(offsets, 0)


def test_equal_priors_leave_nothing_to_shift():
    labels = labels_of(BALANCED)
    offsets = POSTHOC.fit_decision(calibrated_logits(labels, BALANCED, 0), labels, BALANCED)
    np.testing.assert_array_equal(offsets, 0)


def test_it_raises_macro_f1_on_other_images_where_rare_classes_are_missed():
    labels = labels_of(FER2013)
    fitted, others = (calibrated_logits(labels, FER2013, seed) for seed in (1, 2))
    offsets = POSTHOC.fit_decision(fitted, labels, FER2013)
    before, after = (f1_score(labels, z.argmax(1), average="macro") for z in (others, others + offsets))
    assert after > before + 0.01


def test_classes_without_images_are_given_no_bonus():
    labels = labels_of(WITHOUT_DISGUST)
    offsets = POSTHOC.fit_decision(calibrated_logits(labels, WITHOUT_DISGUST, 3), labels, WITHOUT_DISGUST)
    assert offsets[1] == offsets.min() == 0
