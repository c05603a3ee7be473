"""Ranks by hand, and how often their intervals and chances are right."""

import numpy as np
import pytest

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.intervals import holm, p_values
from fer_bench.evaluation.ranks import (
    chances_of_best,
    draws,
    pareto_front,
    rank_intervals,
    shared_ranks,
)


def board(truth, seeds=3, size=0.01, seed=0, images=40, backbones=None):
    """Cells whose scores differ from the truth by images, common ones and their own, and a little by
    seeds."""
    rng = np.random.default_rng(seed)
    cells = []
    for number, score in enumerate(truth):
        influence = (
            size / images**0.5 * (rng.normal(size=(1, images)) + 0.3 * rng.normal(size=(seeds, images)))
        )
        noise = influence.sum(axis=1) + 0.1 * size * rng.normal(size=seeds)
        backbone = backbones[number] if backbones else "b"
        cells.append(RepeatedScore(backbone, tuple(range(seeds)), score + noise, influence))
    return Comparisons(cells)


def test_ranks_are_shared_with_the_leader_of_a_group_not_along_a_chain():
    # Noise 0.01 of each score: neighbours can't be told apart, those two steps away can.
    found = board([0.90, 0.88, 0.86, 0.80, 0.60], size=0.004)
    assert shared_ranks(found, range(5))[-1] == 5
    ranks = shared_ranks(found, range(5))
    assert ranks[0] == 1 and ranks == sorted(ranks)
    for first in sorted(set(ranks)):
        assert ranks.index(first) == first - 1, "one more than there are cells before"
    assert shared_ranks(board([0.5, 0.5, 0.5]), range(3)) == [1, 1, 1]


def test_rank_intervals_by_hand():
    found = board([0.9, 0.7, 0.7, 0.5], size=0.003)
    low, high = rank_intervals(found, range(4))
    assert (low.tolist(), high.tolist()) == ([1, 2, 2, 4], [1, 3, 3, 4])
    low, high = rank_intervals(found, [2, 0])
    assert (low.tolist(), high.tolist()) == ([2, 1], [2, 1])


def test_rank_intervals_hold_the_true_ranks_together():
    truth = np.array([0.60, 0.60, 0.59, 0.57])
    lowest, highest = np.array([1, 1, 3, 4]), np.array([2, 2, 3, 4])
    missed = 0
    for seed in range(200):
        low, high = rank_intervals(board(truth, seed=seed), range(4))
        missed += bool((low > highest).any() or (high < lowest).any())
    assert missed <= 0.05 * 200 + 3 * (0.05 * 0.95 * 200) ** 0.5


def test_pairs_without_a_common_slot_and_single_repeats_can_not_be_ranked():
    cells = board([0.9, 0.5]).cells
    other = RepeatedScore("b", (7, 8, 9), cells[1].scores, cells[1].influence)
    low, high = rank_intervals(Comparisons([cells[0], other]), [0, 1])
    assert (low.tolist(), high.tolist()) == ([1, 1], [2, 2])
    single = RepeatedScore("b", (0,), cells[1].scores[:1], cells[1].influence[:1])
    mixed = Comparisons([cells[0], single])
    assert shared_ranks(mixed, [0, 1]) == [1, None]
    np.testing.assert_array_equal(chances_of_best(mixed, [0, 1]), [1, np.nan])
    assert np.isnan(chances_of_best(Comparisons([single]), [0])).all()


def test_chances_of_equal_cells_are_equal_and_of_two_those_of_the_difference():
    same = board([0.5, 0.5]).cells[0]
    rng = np.random.default_rng(0)
    apart = RepeatedScore("b", same.slots, same.scores, rng.permutation(same.influence, axis=1))
    assert chances_of_best(Comparisons([same, apart]), [0, 1]) == pytest.approx([0.5, 0.5], abs=0.02)
    two = board([0.53, 0.5], seed=3)
    lead = two.difference(0, 1)
    one_sided = p_values([lead])[0] / 2 if lead.value < 0 else 1 - p_values([lead])[0] / 2
    assert chances_of_best(two, [0, 1])[0] == pytest.approx(one_sided, abs=0.03)
    assert chances_of_best(two, [0, 1]).sum() == pytest.approx(1)


def test_draws_have_the_noise_of_scores_and_of_differences():
    names = ["a", "a", "a", "b", "b", "b"]
    found = board([0.5] * 6, seeds=5, backbones=names, seed=2)
    drawn = draws(found, range(6))
    for cell in range(6):
        score = found.score(cell)
        expected = score.images + max(score.ratio - 1, 0) * score.unit
        assert drawn[:, cell].var() == pytest.approx(expected, rel=0.3)
        assert drawn[:, cell].mean() == pytest.approx(score.value, abs=3e-4)


def test_holm_is_the_rule_of_the_pairs():
    found = board([0.53, 0.52, 0.5], seed=5)
    pairs = [(0, 1), (0, 2), (1, 2)]
    real = holm(p_values([found.difference(*pair) for pair in pairs])) <= 0.05
    low, high = rank_intervals(found, range(3))
    assert (high - low).sum() == 6 - 2 * real.sum()


def test_pareto_front_by_hand():
    points = np.array([[1, 5], [2, 4], [2, 3], [0, 6], [np.nan, 9], [2, 4]])
    assert pareto_front(points).tolist() == [True, True, False, True, False, True]
