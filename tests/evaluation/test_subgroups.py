"""Scores of groups and gaps by hand, and a simulation of equal groups (the whole:
support/subgroup_errors.py)."""

import numpy as np
import pytest
import subgroup_errors
from scipy.stats import norm

from fer_bench.evaluation.comparisons import RepeatedScore
from fer_bench.evaluation.subgroups import gaps, group_accuracy, group_macro_f1, told_classes

LABELS = np.array([0, 0, 1, 1, 0, 1, 2, 2])
PREDICTED = np.array([[0, 1, 1, 1, 1, 0, 2, 0], [0, 0, 1, 1, 0, 1, 2, 2]])
FIRST = np.arange(8) < 4


def test_a_group_is_scored_by_its_images_alone():
    scores, influence = group_macro_f1(LABELS, PREDICTED, FIRST, (0, 1))
    # By 0: one right of two, one prediction, F1 2/3; by 1: two right, three predictions, F1 4/5.
    assert scores == pytest.approx([(2 / 3 + 4 / 5) / 2, 1])
    assert (influence[:, 4:] == 0).all()
    assert influence[0, :4].sum() == pytest.approx(0)
    scores, influence = group_accuracy(LABELS, PREDICTED, FIRST)
    assert scores == pytest.approx([3 / 4, 1])
    variance = np.square(influence).sum(axis=1)
    assert variance[0] == pytest.approx(3 / 4 * 1 / 4 * 4 / 3**2), "p (1 - p) n / (n - 1)^2"
    assert variance[1] == pytest.approx(5 / 6 * 1 / 6 / 4), "of 4 and 2 more images, one of them wrong"
    assert group_accuracy(LABELS, PREDICTED, ~FIRST)[0] == pytest.approx([1 / 4, 1])


def test_a_class_that_isnt_told_is_in_no_mean_but_is_mistaken_for_others():
    scores, _ = group_macro_f1(LABELS, PREDICTED, ~FIRST, (0, 2))
    assert scores[0] == pytest.approx((0 + 2 / 3) / 2), "0 is predicted of a 1 and of a 2"


def test_classes_that_are_all_right_are_doubted_together():
    labels = np.repeat([0, 1], [10, 30])
    _, influence = group_macro_f1(labels, labels[None], np.ones(40, bool), (0, 1))
    # With one more right and one wrong, 41 of 42: each class has the variance of such a share, their mean a
    # quarter of both.
    share = 41 / 42 * 1 / 42
    assert np.square(influence).sum() == pytest.approx((share / 10 + share / 30) / 4)


def test_few_images_give_no_number():
    labels = np.repeat([0, 1, 2], [20, 5, 4])
    group = np.ones(29, bool)
    assert told_classes(labels, group) == ()
    labels, group = np.append(labels, 0), np.ones(30, bool)
    assert told_classes(labels, group) == (0, 1)
    assert told_classes(labels, group & (np.arange(30) > 0)) == ()


def repeated(score, place, noise, groups=3):
    """A cell of two seeds with one score, moved by ten images of its group alone."""
    influence = np.zeros((2, 10 * groups))
    influence[:, 10 * place : 10 * place + 10] = noise
    return [RepeatedScore("net", (0, 1), np.array([score, score], float), influence)]


def test_of_two_groups_the_gap_is_their_difference_with_its_interval():
    (gap,) = gaps([repeated(0.60, 0, 0.01, 2), repeated(0.51, 1, 0.02, 2)], fixed_nets=True)
    deviation = (10 * 0.01**2 + 10 * 0.02**2) ** 0.5  # 0.0707
    assert gap.value == pytest.approx(0.09)
    assert gap.low == 0, "0.09 - 1.96 * 0.0707 < 0"
    assert gap.high == pytest.approx(0.09 + 1.96 * deviation, rel=1e-3)
    assert gap.by_chance == pytest.approx((2 / np.pi) ** 0.5 * deviation, rel=0.03)
    (other,) = gaps([repeated(0.51, 1, 0.02, 2), repeated(0.60, 0, 0.01, 2)], fixed_nets=True)
    assert other[:4] == pytest.approx(gap[:4], rel=0.05), "whichever comes first"
    assert (gap.lowest, gap.highest) == (other.highest, other.lowest) == (1, 0)


def test_the_gap_of_several_groups_follows_from_all_pairs():
    (gap,) = gaps([repeated(score, place, 0.01) for place, score in enumerate((0.5, 0.55, 0.9))], True)
    half = norm.ppf(1 - 0.05 / 3 / 2) * (20 * 0.01**2) ** 0.5  # one of three pairs
    assert gap.value == pytest.approx(0.4)
    assert (gap.low, gap.high) == pytest.approx((0.4 - half, 0.4 + half), rel=1e-3)
    # Of three normal numbers the largest lies 1.69 standard deviations above the smallest, on average.
    assert gap.by_chance == pytest.approx(1.69 * (10 * 0.01**2) ** 0.5, rel=0.03)


def test_a_single_seed_has_no_interval():
    cells = [[RepeatedScore("net", (0,), np.array([score]), np.full((1, 4), 0.01))] for score in (0.5, 0.7)]
    (gap,) = gaps(cells)
    assert gap.value == pytest.approx(0.2)
    assert np.isnan([gap.low, gap.high, gap.by_chance]).all()


def test_equal_groups_are_seldom_called_different():
    """In 5 of 100 cases by design; 80 boards of four cells that resemble one another may show 8."""
    found = subgroup_errors.errors("three", 3, 0.1, boards=80, images=1200)
    assert 0.005 < found.macro_f1 < 0.08
    assert 0.005 < found.accuracy < 0.08
    assert found.gap == pytest.approx(found.by_chance, rel=0.15), "which is what equal groups show"
