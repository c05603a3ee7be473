"""Intervals of accuracy, balanced accuracy and F1 of each class."""

import numpy as np
import pytest
from leaderboard_records import CLASSES, LABELS, example, repeat, status

from fer_bench.evaluation.intervals import intervals
from fer_bench.leaderboard.ranking import find_boards
from fer_bench.leaderboard.score_intervals import score_intervals


def test_each_score_lies_in_its_interval_and_mean_f1_has_the_leaderboards():
    statuses, repeats = example()
    for board in find_boards(statuses, repeats):
        found = score_intervals(board)
        for cell in board.cells:
            if len(cell.repeats) < 2:
                continue
            ends = found[cell.head.cell]
            assert set(ends) == {"accuracy", "balanced_accuracy", *(f"f1/{name}" for name in CLASSES)}
            for score, (low, high) in ends.items():
                mean = np.mean([each.metrics[f"test/{score}"] for each in cell.repeats])
                assert 0 <= low <= mean + 1e-9 and mean - 1e-9 <= high <= 1, score


def test_accuracy_of_equal_nets_has_the_binomial_error():
    predicted = np.where(np.arange(len(LABELS)) % 4 > 0, LABELS, (LABELS + 1) % 7)
    repeats = [repeat(slot=slot, predicted=predicted) for slot in range(3)]
    (board,) = find_boards([status(repeats=3)], repeats)
    (found,) = score_intervals(board).values()
    low, high = found["accuracy"]
    share = (predicted == LABELS).mean()
    error = np.sqrt(share * (1 - share) / (len(LABELS) - 1))
    assert (low, high) == pytest.approx((share - 1.96 * error, share + 1.96 * error), abs=2e-3)
    (effect,) = [board.comparisons().score(0)]
    assert effect.value == pytest.approx(board.cells[0].repeats[0].metrics["test/macro_f1"])
    assert np.isfinite(intervals([effect])).all()


def test_a_single_repeat_has_no_interval_and_nothing_tested_none():
    (board,) = find_boards([status(repeats=1)], [repeat()])
    (found,) = score_intervals(board).values()
    assert np.isnan(list(found.values())).all()
    (board,) = find_boards([status(repeats_done=0)], [])
    assert score_intervals(board) == {}
