"""Tables of where gains come from: the ladder of decision rules, and each gain in its parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fer_bench.evaluation.decisions import macro_f1_paths
from fer_bench.evaluation.decomposition import Decomposition
from fer_bench.evaluation.intervals import intervals
from fer_bench.leaderboard.ruled import RuledBoard, RuledRun, named

SCORES = ("parameter", "val_macro_f1", "test_macro_f1", "val_gain", "test_gain", "nll", "ece")
MEAN = -1  # in place of a slot


def ladder(board: RuledBoard) -> pd.DataFrame:
    """Each repeat by each decision rule, and their means over slots (slot -1).

    Gains are over argmax. Those of validation are of the images that the rule was fitted to, but for the
    strategy's own ("decided"), which is cross-fitted; nll and ece are of test, NaN for "decided".
    """
    rows = []
    for cell, runs in enumerate(board.runs):
        by_slot = {slot: _rules(run) for slot, run in runs.items()}
        for rule in next(iter(by_slot.values())):
            found = {slot: scores[rule] for slot, scores in by_slot.items()}
            found[MEAN] = np.mean(list(found.values()), axis=0)
            rows += [
                board.names(cell) | {"slot": slot, "rule": rule} | dict(zip(SCORES, values, strict=True))
                for slot, values in found.items()
            ]
    return pd.DataFrame(rows, columns=named(("slot", "rule", *SCORES)))


def _rules(run: RuledRun) -> dict[str, np.ndarray]:
    """By rule the numbers named SCORES."""
    outputs, classes = run.outputs, len(run.outputs.classes)
    rules = ["argmax", "decided", *(name for name in run.ladder.rules if name != "argmax")]
    val = macro_f1_paths(outputs.val_labels, np.stack([run.val_predicted[r] for r in rules]), classes)[0]
    test = macro_f1_paths(outputs.images.labels, np.stack([run.predicted[r] for r in rules]), classes)[0]
    found = {}
    for place, name in enumerate(rules):
        rule = run.ladder.rules.get(name)
        rest = (run.loss(name), run.calibration_error(name)) if rule else (np.nan, np.nan)
        gains = val[place] - val[0], test[place] - test[0]
        found[name] = np.array([rule.parameter if rule else np.nan, val[place], test[place], *gains, *rest])
    return found


def decomposition(board: RuledBoard) -> pd.DataFrame:
    """Each gain over `none` in its parts, with 95 % intervals, each for itself."""
    parts = Decomposition(board.decided.cells, board.at_tau)
    rows, effects = [], []
    for cell, baseline in board.board.baselines.items():
        for part, found in (parts.parts(cell, baseline) or {}).items():
            rows.append(board.names(cell) | {"part": part, "value": found.value})
            effects.append(found)
    low, high = intervals(effects)
    for row, *ends in zip(rows, low, high, strict=True):
        row |= dict(zip(("low", "high"), ends, strict=True))
    return pd.DataFrame(rows, columns=named(("part", "value", "low", "high")))
