"""A board as the page shows it."""

import dataclasses

import pandas as pd
from board_analyses import BACKBONES, CLASSES, STRATEGIES, board_analysis

from fer_bench.report.board_view import BoardView


def test_cells_are_called_by_what_tells_them_apart(view):
    assert view.cells["label"].tolist() == view.cells["strategy"].tolist()
    several = BoardView(board_analysis(BACKBONES[:2], STRATEGIES[:2]))
    assert set(several.cells["label"]) == {f"{s} · {b}" for s in STRATEGIES[:2] for b in BACKBONES[:2]}
    board = board_analysis(strategies=STRATEGIES[:2])
    twice = dataclasses.replace(board, cells=board.cells.assign(strategy="none", cell=["aaaaaa1", "bbbbbb2"]))
    assert BoardView(twice).cells["label"].tolist() == ["none (aaaaaa)", "none (bbbbbb)"]


def test_ensembles_are_no_cells_but_know_theirs():
    board = board_analysis(strategies=STRATEGIES[:2])
    rows = pd.concat([board.cells, board.cells.assign(kind="ensemble", macro_f1=0.7)], ignore_index=True)
    view = BoardView(dataclasses.replace(board, cells=rows))
    assert len(view.cells) == 2
    assert view.ensembles["c"].tolist() == [0, 1]
    assert view.ensembles["label"].tolist() == view.cells["label"].tolist()


def test_tables_are_in_the_order_of_the_leaderboard_without_strangers(view):
    board = view.analysis
    strange = pd.concat([board.decomposition, board.decomposition.assign(cell="elsewhere")])
    keyed = BoardView(dataclasses.replace(board, decomposition=strange)).keyed("decomposition")
    assert len(keyed) == len(board.decomposition)
    assert keyed["c"].is_monotonic_increasing
    assert (keyed["label"] == keyed["strategy"]).all()


def test_classes_go_from_the_commonest_to_the_rarest(view):
    assert view.classes[0] == "happy"
    assert view.classes[-1] == "disgust"
    assert set(view.classes) == set(CLASSES)


def test_the_heading_and_what_the_cells_share(view):
    assert view.heading == "fer2013, split official, budget hour"
    assert view.facts == [
        *("3,589 test images", "3 repeats of each cell", "best of 2 trials", "shared phases: 5 epochs all"),
    ]
    other = BoardView(board_analysis(repeats=1, recipe_name="as_written", budget="", shared_phases=""))
    assert other.heading == "as_written: fer2013, split official"
    assert other.facts == ["3,589 test images", "1 repeat of each cell", "best of 2 trials"]
    thinned = BoardView(board_analysis(imbalance_ratio="16.5", label_noise="0.1", budget=""))
    assert thinned.heading == "imbalance ratio 16.5, label noise 10 %: fer2013, split official"
