"""A store of invented runs that a leaderboard reads like real ones."""

import os
import time

from fer_bench.speed.many_runs import CELLS, STRATEGIES, STUDY, leaderboard, make_store
from fer_bench.storage.logged_runs import read_study_runs


def test_whole_cells_are_made_and_shared_out_among_experiments(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    cells = CELLS + 1
    assert make_store(tmp_path, 3 * cells + 1, trials=2, repeats=1) == 3 * cells
    statuses, repeats = read_study_runs(tmp_path, STUDY)
    assert {(status.trials_done, status.repeats_done) for status in statuses} == {(2, 1)}
    assert len({status.cell for status in statuses}) == cells
    assert len({repeat.run_id for repeat in repeats}) == cells
    assert len({status.strategy for status in statuses}) == STRATEGIES
    budgets = [status.board["budget"] for status in statuses]
    assert {budget: budgets.count(budget) for budget in budgets} == {"budget_0": CELLS, "budget_1": 1}


def test_a_round_counts_no_more_than_it_takes_and_leaves_the_users_server(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/nobody")
    play = leaderboard(21)
    begun = time.perf_counter()
    assert 0 < play() < time.perf_counter() - begun  # the making of the runs is left out
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9/nobody"
