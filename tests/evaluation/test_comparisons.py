import interval_errors
import numpy as np
import pytest

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore


def cell(backbone="a", slots=(0, 1, 2), shift=0.0, seed=0, noise=0.01):
    rng = np.random.default_rng(seed)
    influence = noise * rng.normal(size=(len(slots), 20)) / 20**0.5
    return RepeatedScore(backbone, tuple(slots), shift + noise * rng.normal(size=len(slots)), influence)


def test_a_difference_is_taken_in_the_slots_that_both_have():
    board = Comparisons([cell(slots=(0, 2)), cell(slots=(2, 1, 0), shift=0.5, seed=1), cell(slots=(7,))])
    ours, theirs = board.cells[1].scores, board.cells[0].scores
    assert board.difference(1, 0).value == pytest.approx(np.mean([ours[2] - theirs[0], ours[0] - theirs[1]]))
    assert board.difference(2, 0) is None
    assert board.difference(0, 0).value == 0


def test_of_fixed_nets_images_alone_make_the_noise():
    board = Comparisons([cell(slots=(0,)), cell(slots=(0,), seed=1)], fixed_nets=True)
    assert board.score(0).images == pytest.approx(np.square(board.cells[0].influence).sum())
    apart = board.cells[1].influence - board.cells[0].influence
    assert board.difference(1, 0).images == pytest.approx(np.square(apart).sum())
    assert board.as_good([0, 1]) != [None, None]
    assert np.isnan(Comparisons(board.cells).score(0).images), "seeds can't be known from one"


def test_what_others_show_of_seeds_counts():
    alone = Comparisons([cell(), cell(seed=1)])
    helped = Comparisons([cell(seed=seed) for seed in range(8)])
    assert alone.difference(1, 0).df == 2
    assert helped.difference(1, 0).df == 6
    other = Comparisons([*(cell(seed=seed) for seed in range(8)), cell("b", seed=9)])
    assert other.difference(8, 0).ratio != pytest.approx(other.difference(1, 0).ratio)


def test_as_good_as_the_best():
    board = Comparisons(
        [cell(), cell(shift=0.001, seed=1), cell(shift=-0.5, seed=2), cell(slots=(0,), seed=3)]
    )
    assert board.as_good([0, 1, 2]) == [True, True, False]
    assert board.as_good([0, 3]) == [True, None]
    assert board.as_good([2]) == [True]


def test_who_is_behind_only_in_slots_of_its_own_may_be_as_good():
    """The leader by its mean over four slots is surely worse in the two that both have."""
    scores, other = np.array([0.5, 0.501, 0.9, 0.901]), np.array([0.6, 0.601])
    noise = 1e-4 * np.random.default_rng(0).normal(size=(4, 20))
    board = Comparisons(
        [RepeatedScore("a", (0, 1, 2, 3), scores, noise), RepeatedScore("a", (0, 1), other, noise[:2])]
    )
    assert board.difference(0, 1).value == pytest.approx(-0.1)
    assert board.as_good([0, 1]) == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("kind", interval_errors.KINDS)
@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize("noise", [0.02, 0.25])
def test_errors_on_boards_that_the_intervals_were_not_made_on(kind, seeds, noise):
    """A shorter `python tests/support/interval_errors.py`, with limits three standard errors wider."""
    found = interval_errors.errors("confusions", noise, seeds, kind, boards=150)
    assert found.gain <= 0.06 + 3 * (0.06 * 0.94 / (150 * 12)) ** 0.5
    assert found.any_gain <= 0.08 + 3 * (0.08 * 0.92 / 150) ** 0.5
    assert found.denied <= 0.08
