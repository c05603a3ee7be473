"""A cell of short trials, and the start of a later one."""

import pytest
from contests import ContestHere

from fer_bench.speed.short_trials import STARTS, Cells, compare

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # of Keras' generator
CELLS = Cells(
    "compact_cnn",
    24,
    16,
    last=3,
    images=48,
    validation=32,
    strategies=("oversampling", "focal_loss"),
    seeds=1,
)


@pytest.mark.slow
def test_ten_trials_are_traced_once_per_phase():
    contest = ContestHere()
    cell, start, traces = compare(CELLS, rounds=1, contest=contest)
    side_by_side, starts = contest.results
    assert (cell.value, cell.other) == (sum(side_by_side["ours"]), sum(side_by_side["notebook"]))
    assert len(side_by_side["ours"]) == len(side_by_side["notebook"]) == 2
    assert start.other == starts["ours"][0][0]
    assert [traced for _, traced in starts["ours"]] == [2] * STARTS
    assert (traces.value, traces.other, traces.met) == (2, 2, True)


def test_figures_are_medians_of_cells_and_of_the_later_starts():
    cells = iter([(10.0, 40.0), (20.0, 40.0), (30.0, 150.0)])

    def contest(makers, rounds, warm_up=1):
        if "notebook" not in makers:
            assert rounds == STARTS
            return {"ours": [(8.0, 2), (0.5, 2), (0.1, 2), (0.4, 3)]}
        ours, notebook = next(cells)
        return {"ours": [ours / rounds] * rounds, "notebook": [notebook / rounds] * rounds}

    cell, start, traces = compare(CELLS, rounds=3, contest=contest)
    assert (cell.value, cell.other, cell.ratio, cell.met) == (20.0, 40.0, 4.0, True)
    assert (start.value, start.other, start.ratio, start.met) == (0.4, 8.0, 0.05, True)
    assert (traces.value, traces.other, traces.met) == (3, 2, False)
