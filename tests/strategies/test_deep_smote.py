"""Codes made for rare classes, worked by hand."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.prior import assess, effective_prior, is_no_op
from fer_bench.study.recipe import Recipe, settings
from fer_bench.testing.strategies import IMBALANCED, WITHOUT_DISGUST, labels_of

DEEP_SMOTE = STRATEGIES["deep_smote"]


def test_a_code_is_a_drawn_share_of_the_way_to_a_neighbour_of_its_class():
    # Class 1 has two codes, 0 and 10: a made one is 10 u or 10 (1 - u), u the sampler's draws.
    codes = np.array([[5], [6], [7], [8], [0], [10]], np.float32)
    rows, labels = DEEP_SMOTE().resample_codes(codes, np.array([0, 0, 0, 0, 1, 1], "int32"), 7)
    draws = np.random.RandomState(7)
    first, share = draws.randint(0, 2, size=2), draws.uniform(size=2)
    np.testing.assert_allclose(rows[6:, 0], 10 * np.where(first == 0, share, 1 - share), rtol=1e-6)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [72] * 7), (0.5, [40, 36, 41, 72, 50, 48, 36]), (0.1, [40, 7, 41, 72, 50, 48, 32])],
)
def test_each_class_is_raised_to_ratio_times_the_largest(ratio, expected):
    assert DEEP_SMOTE(ratio).image_counts(IMBALANCED).tolist() == expected
    assert DEEP_SMOTE(ratio).image_counts(WITHOUT_DISGUST)[1] == 0


def test_it_trains_for_flat_classes():
    labels = labels_of(IMBALANCED)
    np.testing.assert_allclose(effective_prior(DEEP_SMOTE(), labels, 7), 1 / 7)
    assert is_no_op(DEEP_SMOTE(0.5), labels_of(np.array([20, 12])), 2)
    assert not is_no_op(DEEP_SMOTE(), labels, 7)


def test_whoever_reads_a_board_is_told_what_its_faces_look_like():
    recipe = Recipe()
    _, warnings = assess(DEEP_SMOTE(), labels_of(IMBALANCED), "abcdefg", recipe, settings(recipe))
    assert warnings == (DEEP_SMOTE.caution,)
    assert "made_images.png" in DEEP_SMOTE.caution
    assert ";" not in DEEP_SMOTE.caution, "by which warnings are joined"
