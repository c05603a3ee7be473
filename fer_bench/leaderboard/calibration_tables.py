"""Tables of whether probabilities are true, before and after a temperature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fer_bench.evaluation.calibration import class_calibration_errors, reliability
from fer_bench.leaderboard.ruled import RuledBoard, named

RULES = {False: "argmax", True: "temperature"}


def calibration(board: RuledBoard) -> pd.DataFrame:
    """Expected calibration error of all images and of those taken for each class, mean over repeats."""
    rows = []
    for cell in range(len(board.cells)):
        for after, rule in RULES.items():
            runs = board.runs[cell].values()
            every = np.mean([run.calibration_error(rule) for run in runs])
            found = [class_calibration_errors(board.labels, run.probabilities(rule)) for run in runs]
            means = pd.DataFrame(found).mean()  # of the repeats that take an image for the class
            rows += [
                board.names(cell) | {"class": name, "after": after, "ece": value}
                for name, value in zip(("all", *board.classes), (every, *means), strict=True)
            ]
    return pd.DataFrame(rows, columns=named(("class", "after", "ece")))


def reliabilities(board: RuledBoard) -> pd.DataFrame:
    """Confidence and accuracy in bins of as many images, the repeats of a cell together."""
    rows = []
    for cell, runs in enumerate(board.runs):
        for after, rule in RULES.items():
            found = np.concatenate([run.probabilities(rule) for run in runs.values()])
            correct = found.argmax(axis=1) == np.tile(board.labels, len(runs))
            bins = reliability(found.max(axis=1), correct)
            rows += [
                board.names(cell)
                | {"after": after, "bin": number}
                | dict(zip(bins._fields, values, strict=True))
                for number, values in enumerate(zip(*bins, strict=True))
            ]
    return pd.DataFrame(rows, columns=named(("after", "bin", "confidence", "accuracy", "images")))
