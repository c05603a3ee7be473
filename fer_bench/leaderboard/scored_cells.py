"""The rows of a leaderboard with more about each cell, and below them the ensembles of their repeats."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fer_bench.evaluation.calibration import calibration_error
from fer_bench.evaluation.metrics import scores, skew_normalised_f1
from fer_bench.evaluation.ranks import chances_of_best, pareto_front, rank_intervals, shared_ranks
from fer_bench.leaderboard.board import Row, board_rows
from fer_bench.leaderboard.ranking import frame
from fer_bench.leaderboard.ruled import RuledBoard, RuledRun
from fer_bench.storage.records import BOARD

RANKS = ("shared_rank", "rank_low", "rank_high", "p_best")
ADDED = (
    *RANKS,
    *("skew_macro_f1", "nll", "ece", "ece_after", "temperature", "on_front", "kind"),
)
SHARED = ("backbone", "strategy", "cell", "recipe", "repeats", "test_images")  # of a cell and its ensemble


def cell_table(board: RuledBoard) -> pd.DataFrame:
    """The leaderboard's rows with further columns, then a row of kind "ensemble" for each cell of several
    repeats.

    Ranks are of the ranked cells; nll and ece are of the logits as they were stored, ece_after with the
    temperature that was fitted to validation.
    """
    rows = board_rows(board.board)
    tested = [row for row, cell in zip(rows, board.board.cells, strict=True) if cell.repeats]
    for number, row in enumerate(tested):
        row |= _more(board, number)
    _enter_ranks(board, tested)
    front = pareto_front(np.array([[row["accuracy"], row["macro_f1"]] for row in tested]))
    for row, on_front in zip(tested, front, strict=True):
        row["on_front"] = bool(on_front)
    ensembles = [
        _ensemble(board, number, row) for number, row in enumerate(tested) if len(board.runs[number]) > 1
    ]
    table = frame([*rows, *ensembles])
    added = pd.DataFrame([*rows, *ensembles]).reindex(columns=list(ADDED))
    added["kind"] = added["kind"].fillna("cell")
    added["on_front"] = added["on_front"].astype("boolean").fillna(False).astype(bool)
    return pd.concat([table, added], axis=1)


def _more(board: RuledBoard, cell: int) -> Row:
    def temperature(run: RuledRun) -> float:
        return run.ladder.rules["temperature"].temperature

    own = {
        "kind": "cell",
        "skew_macro_f1": board.mean(
            cell, lambda run: skew_normalised_f1(board.labels, run.predicted["decided"], len(board.classes))
        ),
        "nll": board.mean(cell, lambda run: run.loss("argmax")),
        "ece": board.mean(cell, lambda run: run.calibration_error("argmax")),
    }
    return (
        own
        if not board.fitted
        else own
        | {
            "ece_after": board.mean(cell, lambda run: run.calibration_error("temperature")),
            "temperature": float(np.exp(board.mean(cell, lambda run: np.log(temperature(run))))),
        }
    )


def _enter_ranks(board: RuledBoard, rows: list[Row]) -> None:
    ranked = [number for number, cell in enumerate(board.cells) if not cell.unranked]
    low, high = rank_intervals(board.decided, ranked)
    shared = shared_ranks(board.decided, ranked)
    for number, *values in zip(
        ranked, shared, low, high, chances_of_best(board.decided, ranked), strict=True
    ):
        rows[number] |= dict(zip(RANKS, values if values[0] else [np.nan] * 4, strict=True))


def _ensemble(board: RuledBoard, cell: int, row: Row) -> Row:
    """The mean of the calibrated probabilities of a cell's repeats: one model, which has no noise of seeds to
    see.

    A strategy's own decision isn't in it: it is of the logits as they were stored.
    """
    found = board.mean(cell, lambda run: run.probabilities("temperature"))
    with np.errstate(divide="ignore"):
        logits = np.log(np.maximum(found, np.finfo(float).tiny))
    numbers = scores(board.labels, logits, board.classes)
    return (
        {name: row.get(name) for name in (*BOARD, *SHARED)}
        | {"kind": "ensemble", "warnings": "an ensemble of the repeats: one model of several nets, unranked"}
        | {name: numbers[name] for name in ("macro_f1", "accuracy", "balanced_accuracy")}
        | {name.replace("/", "_", 1): value for name, value in numbers.items() if name.startswith("f1/")}
        | {"skew_macro_f1": skew_normalised_f1(board.labels, found.argmax(axis=1), len(board.classes))}
        | {"nll": numbers["loss"]}
        | {"ece_after": calibration_error(found.max(axis=1), found.argmax(axis=1) == board.labels)}
    )
