"""Parts by hand, and a simulation of what moves only the threshold (the whole:
support/decomposition_errors.py)."""

import numpy as np
import pytest
from decomposition_errors import errors

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.decomposition import PARTS, Decomposition, fitting_noise, score_at_tau
from fer_bench.evaluation.influence import by_group, macro_f1


def scored(slots, scores, seed, columns=6):
    rng = np.random.default_rng(seed)
    return RepeatedScore("b", slots, np.array(scores), 0.01 * rng.normal(size=(len(slots), columns)))


def test_parts_by_hand_and_in_the_slots_that_both_have():
    none, at = scored((0, 1), [0.50, 0.52], 0), scored((0, 1), [0.53, 0.55], 1, 8)
    ours, ours_at = scored((0, 1, 2), [0.56, 0.56, 0.9], 2), scored((0, 1, 2), [0.54, 0.58, 0.9], 3, 8)
    parts = Decomposition([none, ours], [at, ours_at]).parts(1, 0)
    # 56 - 51, 54 - 51, 56 - 54, and 56 - 56.
    assert [parts[part].value for part in PARTS] == pytest.approx([0.05, 0.03, 0.02, 0.0])


def test_the_total_has_the_interval_of_the_gain():
    none, ours = scored((0, 1), [0.50, 0.52], 0), scored((0, 1), [0.56, 0.57], 1)
    at = [scored((0, 1), [0.5, 0.5], seed, 9) for seed in (2, 3)]
    total = Decomposition([none, ours], at).parts(1, 0)["total"]
    assert total == pytest.approx(Comparisons([none, ours]).difference(1, 0))


def test_without_a_common_slot_there_are_no_parts():
    cells = [scored((0, 1), [0.5, 0.5], 0), scored((2, 3), [0.5, 0.5], 1)]
    assert Decomposition(cells, cells).parts(1, 0) is None


def test_fitting_noise_sums_to_the_variance_over_draws():
    path, places = np.array([0.4, 0.6, 0.5]), np.array([0, 1, 1, 2])
    # Scores 4, 6, 6, 5: mean 5.25; squares 1.5625 + 0.5625 twice + 0.0625 are 2.75, over 4.
    assert np.square(fitting_noise(path, places)).sum() == pytest.approx(0.01 * 2.75 / 4)


def test_score_at_tau_is_that_of_its_decisions_with_columns_for_draws():
    rng = np.random.default_rng(0)
    labels, decisions, groups = rng.integers(3, size=30), rng.integers(3, size=(4, 30)), np.arange(30) // 2
    score, influence = score_at_tau(labels, decisions, groups, 3, 2, np.array([1, 2, 2, 3, 0]))
    want, moved = macro_f1(labels, decisions[[2]], 3)
    assert score == pytest.approx(want.item()) and influence.shape == (15 + 5,)
    np.testing.assert_allclose(influence[:15], by_group(moved, groups)[0])


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_what_only_moves_the_threshold_has_no_representation_and_what_separates_better_has(seeds):
    found = errors(0.1, seeds, False, 120)
    assert found.moved <= 0.06, "of 240 intervals"
    assert max(found.total, found.operating_point, found.interaction) <= 0.08
    error = (found.expected * (1 - found.expected) / 120) ** 0.5
    assert abs(found.found - found.expected) < 3 * error
