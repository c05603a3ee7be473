"""Tables of the search and the trainings: best of n trials, learning curves, and images by class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from fer_bench.evaluation.best_of import expected_best
from fer_bench.leaderboard.board import BoardCell
from fer_bench.leaderboard.ruled import RuledBoard, named
from fer_bench.search_space import STARTUP_SLOTS
from fer_bench.storage.records import TrialRecord


def best_of(cells: Iterable[BoardCell], trials: Iterable[TrialRecord]) -> pd.DataFrame:
    """Validation macro-F1 that the best of n blindly drawn trials may be expected to reach.

    Slot 0 has the defaults, and from STARTUP_SLOTS on a sampler goes by what it has seen: neither is a random
    draw. Failed trials have no score, and are left out.
    """
    values = defaultdict(list)
    for trial in trials:
        if 0 < trial.slot < STARTUP_SLOTS and trial.value is not None:
            values[trial.cell, *sorted(trial.board.items())].append(trial.value)
    rows = []
    for cell in cells:
        head = cell.head
        found = values[head.cell, *sorted(head.board.items())]
        names = {"cell": head.cell, "backbone": head.backbone, "strategy": head.strategy}
        rows += [
            names | {"n": n, "expected": value, "of": len(found)}
            for n, value in enumerate(expected_best(np.array(found)), start=1)
        ]
    return pd.DataFrame(rows, columns=named(("n", "expected", "of")))


def curves(board: RuledBoard) -> pd.DataFrame:
    """What was measured of training and validation after each epoch, from 1."""
    rows = [
        board.names(cell) | {"slot": slot, "epoch": epoch, "measure": measure, "value": value}
        for cell, runs in enumerate(board.runs)
        for slot, run in runs.items()
        for epoch, row in enumerate(run.outputs.history, start=1)
        for measure, value in row.items()
        if measure.startswith(("train/", "val/"))
    ]
    return pd.DataFrame(rows, columns=named(("slot", "epoch", "measure", "value")))


def counts(board: RuledBoard) -> pd.DataFrame:
    """Images of each class that were trained, validated and tested on; NaN where nobody knows."""
    sample, classes = board.sample, len(board.classes)
    unknown = np.full(classes, np.nan)
    return pd.DataFrame(
        {
            "class": board.classes,
            "train": sample.class_counts if board.fitted else unknown,
            "val": np.bincount(sample.val_labels, minlength=classes) if board.fitted else unknown,
            "test": np.bincount(board.labels, minlength=classes),
        }
    )
