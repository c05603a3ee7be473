"""Numbers of the formula, worked by hand, and how little it overfits."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fer_bench.evaluation.decisions import fit_bias
from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013, labels_of
from fer_bench.testing.training_splits import calibrated_logits

BIAS, POSTHOC = STRATEGIES["fitted_bias"], STRATEGIES["posthoc_adjustment"]()
COUNTS = FER2013 // 8  # as many images as validation has
LABELS = labels_of(COUNTS)


def macro_f1(logits):
    return f1_score(LABELS, logits.argmax(axis=1), average="macro")


@pytest.mark.parametrize(("shrinkage", "expected"), [(0.0, -0.35), (0.5, -0.175), (1.0, 0.0)])
def test_the_smallest_step_that_parts_the_classes_is_taken_and_shrunk(shrinkage, expected):
    # Equally common: no tau helps. The second class is behind by 0.3, the first ahead by 2.
    logits, labels = np.array([[0.3, 0], [2.0, 0]]), np.array([1, 0])
    offsets = BIAS(shrinkage).fit_decision(logits, labels, np.array([5, 5]))
    np.testing.assert_allclose(offsets, [expected, 0], atol=1e-9)


def test_shrunk_wholly_it_is_posthoc_adjustment():
    logits = calibrated_logits(LABELS, COUNTS, 1)
    found, expected = (each.fit_decision(logits, LABELS, COUNTS) for each in (BIAS(1.0), POSTHOC))
    np.testing.assert_array_equal(found, expected)


def test_at_the_end_no_class_has_a_better_step():
    logits = calibrated_logits(LABELS, COUNTS, 1)
    offsets = fit_bias(logits, LABELS)
    reached = macro_f1(logits + offsets)
    assert reached > macro_f1(logits)
    assert np.abs(offsets).max() <= 1
    for c in range(7):
        steps = [np.where(np.arange(7) == c, step, offsets) for step in np.linspace(-1, 1, 11)]
        assert max(macro_f1(logits + moved) for moved in steps) <= reached + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_on_other_images_it_loses_little_of_what_one_number_gains(seed):
    fitted, others = (calibrated_logits(LABELS, COUNTS, 2 * seed + half) for half in (0, 1))
    ours, one, none = (
        macro_f1(others + offsets)
        for offsets in (
            BIAS().fit_decision(fitted, LABELS, COUNTS), POSTHOC.fit_decision(fitted, LABELS, COUNTS), 0
        )
    )  # fmt: skip
    assert ours > one - 0.015
    assert ours > none - 0.005


def test_a_class_that_validation_lacks_keeps_its_first_offset():
    some = LABELS != 1
    logits = calibrated_logits(LABELS, COUNTS, 1)[some]
    found, first = (each.fit_decision(logits, LABELS[some], COUNTS) for each in (BIAS(0.0), POSTHOC))
    assert found[1] == first[1]
    assert not np.array_equal(found, first)
