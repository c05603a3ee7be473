"""Where numbers come from, and the command that makes them again."""

import dataclasses
import json

from board_analyses import STRATEGIES, board_analysis
from leaderboard_records import repeat, status

from fer_bench.report.board_view import BoardView
from fer_bench.report.provenance import command, effective_priors, facts, keys
from fer_bench.report.summary import findings
from fer_bench.storage.records import SCORED, UNKNOWN

VIEW = BoardView(board_analysis(strategies=STRATEGIES[:2]))
CELLS = VIEW.cells["cell"].tolist()


def records(**tags):
    return [
        repeat(cell=cell, slot=slot, tags=tags, started=1.7e9 + 60 * slot)
        for cell in CELLS
        for slot in (0, 1)
    ]


def test_facts_are_what_the_repeats_logged_each_once():
    tags = {
        "versions": json.dumps({"keras": "3.15.1", "numpy": "2.4.6"}),
        "device": "tensorflow, 2 CPU cores",
    }
    found = dict(facts(VIEW, records(weights="w.h5", weights_hash="b5c3", **tags)))
    assert found["Versions"] == "keras 3.15.1, numpy 2.4.6"
    assert found["Computed on"] == "tensorflow, 2 CPU cores"
    assert found["Pretrained weights"] == "w.h5 b5c3"
    assert found["Seeds of repeats"] == "0: 1000; 1: 1001"
    assert found["fer-bench's commit"] == "abc1234"
    assert found["Data's fingerprint"] == "0123456789abcdef0123"
    assert found["Runs began"] == "2023-11-14 22:13 to 2023-11-14 22:14 UTC"


def test_models_from_elsewhere_are_scored_again_and_not_trained():
    board = board_analysis(strategies=STRATEGIES[:2])
    title = {**board.title, "recipe_name": SCORED}
    cells = board.cells.assign(backbone=[f"theirs{n}" for n in range(len(board.cells))], strategy=UNKNOWN)
    view = BoardView(dataclasses.replace(board, title=title, cells=cells))
    assert command(view, []).splitlines()[0] == (
        "fer-bench score FILE --dataset fer2013 --split official --name theirs0"
    )
    assert "Seeds of repeats" not in dict(facts(view, records()))
    assert view.cells["label"].iloc[0] == "theirs0"
    found = {finding.about for finding in findings(view)}
    assert "Best" in found and not {"Gains", "What is missing"} & found


def test_the_command_has_whole_names_and_the_number_of_a_training_set():
    board = board_analysis(strategies=STRATEGIES[:2])
    title = {**board.title, "recipe_name": "two phases", "label_noise": "0.2 (fear > sad)"}
    words = command(BoardView(dataclasses.replace(board, title=title)), [])
    assert "--recipe 'two phases' --label-noise 0.2 --backbones" in words


def test_without_repeats_only_the_board_is_known():
    found = dict(facts(VIEW, []))
    assert found["Data"] == "fer2013"
    assert not {"Versions", "Seeds of repeats", "Runs began"} & set(found)


def test_each_cell_has_its_key():
    assert [row.words[1] for row in keys(VIEW).rows] == CELLS


def test_the_command_names_all_that_decides_the_numbers():
    board = VIEW.analysis.title
    planned = [status(cell=cell, board=board, trials_planned=2, repeats_planned=3) for cell in CELLS]
    longer = {**board, "budget": "night"}  # the same cells, repeated with another budget
    planned += [status(cell=cell, board=longer, trials_planned=4, repeats_planned=9) for cell in CELLS]
    words = command(VIEW, planned).split()
    assert words[:4] == ["fer-bench", "run", "--study", "imbalance"]
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--budget"] == "hour"
    assert options["--strategies"] == "none,class_weights"
    assert (options["--trials"], options["--repeats"]) == ("2", "3")
    assert "--imbalance-ratio" not in options
    noisy = dataclasses.replace(
        VIEW.analysis, title=board | {"imbalance_ratio": "5", "label_noise": "0.1 (happy > sad)"}
    )
    assert "--imbalance-ratio 5 --label-noise 0.1 --" in command(BoardView(noisy), [])
    none = [status(cell=cell, board=board, trials_planned=0) for cell in CELLS]
    assert "--trials" not in command(VIEW, none) and "--repeats 2" in command(VIEW, none)


def test_a_row_that_comes_along_is_not_asked_for():
    view = BoardView(board_analysis(strategies=("none", "none (defaults)", "mixup")))
    assert "--strategies none,mixup" in command(view, [])


def test_names_that_a_shell_would_read_are_quoted():
    view = BoardView(board_analysis(strategies=STRATEGIES[:1], study="a; rm -rf b"))
    assert "--study 'a; rm -rf b'" in command(view, [])


def test_class_shares_that_are_trained_for():
    prior = json.dumps(dict.fromkeys(VIEW.classes, 1 / 7))
    found = effective_priors(VIEW, records(effective_prior=prior))
    assert [row.words[1:] for row in found.rows] == [["14.3"] * 7] * 2
    assert effective_priors(VIEW, records()) is None
