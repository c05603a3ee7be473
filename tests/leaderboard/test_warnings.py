"""Warnings that all cells share, and those of some."""

import pandas as pd

from fer_bench.leaderboard.warnings import letter, marks, own_warnings, shared_warnings

CELLS = pd.DataFrame(
    {
        "label": ["a", "b", "c"],
        "macro_f1": [0.6, 0.5, None],
        "warnings": ["leak; one trial failed", "leak; no-op", "unfinished; no-op"],
    }
)


def test_what_all_tested_cells_have_is_said_once():
    assert shared_warnings(CELLS) == ["leak"]
    assert own_warnings(CELLS) == {"one trial failed": ["a"], "no-op": ["b", "c"], "unfinished": ["c"]}
    assert marks(CELLS) == ["a", "b", "c b"]


def test_without_warnings_or_cells_there_is_nothing():
    assert shared_warnings(CELLS[:0]) == []
    assert own_warnings(CELLS.assign(warnings=[None, "", float("nan")])) == {}


def test_letters_go_on_after_z():
    assert [letter(number) for number in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]
