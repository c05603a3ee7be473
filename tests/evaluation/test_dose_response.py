"""Slopes over doses: by hand, and how often their intervals leave out the truth."""

import numpy as np
import pytest

from fer_bench.evaluation.comparisons import Comparisons, RepeatedScore
from fer_bench.evaluation.dose_response import AtDose, gain_at, score_at, slope
from fer_bench.evaluation.intervals import Effect, intervals


def point(dose, value, influence, unit=0.0, ratio=1.0, df=4.0):
    influence = np.array(influence, float)
    return AtDose(dose, Effect(value, float(np.square(influence).sum()), unit, ratio, df), influence)


def test_a_slope_by_hand():
    # Weights -1/2, 0 and 1/2 of doses 0, 1 and 2.
    found = slope(
        [
            point(0, 0.01, [0.1, -0.1], unit=0.004, ratio=2, df=4),
            point(1, 0.9, [7, -7], unit=0.5, ratio=9, df=4),
            point(2, 0.05, [0.3, -0.3], unit=0.008, ratio=5, df=8),
        ]
    )
    assert found.value == pytest.approx(0.02)
    assert found.images == pytest.approx(2 * 0.1**2), "of the difference of the influences"
    assert found.unit == pytest.approx((0.004 + 0.008) / 4)
    assert found.ratio == pytest.approx((2 * 0.004 + 5 * 0.008) / 0.012)
    # Variances by seeds 0.002 and 0.010 with 4 and 8 degrees of freedom.
    assert found.df == pytest.approx(0.012**2 / (0.002**2 / 4 + 0.010**2 / 8))


def test_what_images_do_at_all_doses_alike_is_no_noise_of_the_slope():
    found = slope([point(dose, 0.02 * dose, [0.2, -0.2]) for dose in (0, 1, 3)])
    assert found.value == pytest.approx(0.02)
    assert found.images == pytest.approx(0)


def test_doses_need_not_be_evenly_spaced():
    doses = np.log2([1, 5, 16.5, 50])
    found = slope([point(dose, 0.3 - 0.01 * dose, [0, 0]) for dose in doses])
    assert found.value == pytest.approx(-0.01)
    low, high = intervals([found])
    assert (low[0], high[0]) == pytest.approx((-0.01, -0.01))


def test_one_dose_has_no_slope_and_one_seed_no_interval():
    with pytest.raises(ValueError, match="not two different ones"):
        slope([point(2, 0.1, [0, 0]), point(2, 0.2, [0, 0])])
    alone = [AtDose(dose, Effect(0.1, *[np.nan] * 4), np.zeros(2)) for dose in (0, 1)]
    found = slope(alone)
    assert found.value == pytest.approx(0)
    assert np.isnan(intervals([found])).all()


def test_scores_and_gains_of_a_board_are_taken_with_their_influences():
    none, other = (
        RepeatedScore("a", slots, np.array(scores), np.array(influence))
        for slots, scores, influence in (
            ((0, 1), [0.2, 0.4], [[0.1, -0.1], [0.3, -0.3]]),
            ((1, 2), [0.5, 0.7], [[0.4, -0.4], [0.9, -0.9]]),
        )
    )
    board = Comparisons([none, other])
    assert score_at(3, board, 0).effect.value == pytest.approx(0.3)
    assert score_at(3, board, 0).influence == pytest.approx([0.2, -0.2])
    found = gain_at(3, board, 1, 0)
    assert found.effect.value == pytest.approx(0.1), "in the slot that both have"
    assert found.influence == pytest.approx([0.1, -0.1])
    assert gain_at(3, Comparisons([none, RepeatedScore("a", (5,), *none.at([0]))]), 1, 0) is None


DOSES = (0.0, 2.3, 4.0, 5.6)
TRUE_SLOPE = 0.02
IMAGES = 300


def board(rng, dose, difficulty, seeds, noise):
    """Mean scores of `none` and three others on images whose difficulty is the same on all boards.

    The first of the others gains TRUE_SLOPE per dose. A seed moves all cells, and each by itself.
    """
    together = noise * rng.normal(size=seeds)
    cells = []
    for number in range(4):
        right = 0.5 + difficulty + 0.3 * rng.normal(size=IMAGES) + 0.3 * rng.normal(size=(seeds, IMAGES))
        right += (together + noise * rng.normal(size=seeds))[:, None] + TRUE_SLOPE * dose * (number == 1)
        scores = right.mean(axis=1)
        cells.append(RepeatedScore("a", tuple(range(seeds)), scores, (right - scores[:, None]) / IMAGES))
    return Comparisons(cells)


@pytest.mark.parametrize("noise", [0.003, 0.03])
def test_intervals_of_slopes_leave_out_the_truth_in_one_of_twenty_studies(noise):
    rng = np.random.default_rng(13)
    gains, scores = [], []
    for _ in range(300):
        difficulty = 0.4 * rng.normal(size=IMAGES)
        boards = [(dose, board(rng, dose, difficulty, 3, noise)) for dose in DOSES]
        gains += [slope([gain_at(dose, each, cell, 0) for dose, each in boards]) for cell in (1, 2)]
        scores.append(slope([score_at(dose, each, 0) for dose, each in boards]))
    truth = np.array([TRUE_SLOPE, 0.0] * 300)
    low, high = intervals(gains)
    assert np.mean((low > truth) | (high < truth)) == pytest.approx(0.045, abs=0.02)
    low, high = intervals(scores)
    assert np.mean((low > 0) | (high < 0)) == pytest.approx(0.045, abs=0.03)
