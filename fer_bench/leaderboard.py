"""Records of runs to one row per cell, best first, with intervals; and the same as CSV."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from fer_bench.errors import UserError
from fer_bench.leaderboard_table import table
from fer_bench.metrics import cross_seeds, image_draws, interval
from fer_bench.records import CellStatus, Predictions, RepeatRecord

__all__ = ["CellStatus", "Predictions", "RepeatRecord", "leaderboard", "table", "write_csv"]

BASELINE = "none"  # the strategy that gains are measured against
SCORES = ("macro_f1", "balanced_accuracy", "accuracy")
COLUMNS = (
    *("dataset", "split", "budget", "backbone", "strategy", "rank", "repeats"),
    *("macro_f1", "macro_f1_low", "macro_f1_high", "balanced_accuracy", "balanced_accuracy_sd"),
    *("accuracy", "accuracy_sd", "macro_f1_sd"),
    *("dedup_macro_f1", "dedup_macro_f1_low", "dedup_macro_f1_high", "dedup_macro_f1_sd"),
    *("dedup_balanced_accuracy", "dedup_balanced_accuracy_sd", "dedup_accuracy", "dedup_accuracy_sd"),
    *("f1_*", "rarest_class_recall", "gain", "gain_low", "gain_high", "best_set"),
    *("trials", "steps", "train_seconds", "images_per_second", "parameters"),
    *("weights", "weights_hash", "cell", "recipe", "study", "data_fingerprint", "test_images"),
    *("commits", "warnings"),
)
TYPES = {
    **dict.fromkeys(("rank", "repeats", "trials", "steps", "parameters", "test_images"), "Int64"),
    "best_set": "boolean",
}


@dataclass
class _Cell:
    """A cell with its repeats by slot; `columns` are their places among the runs of the board."""

    status: CellStatus | None
    repeats: list[RepeatRecord]
    columns: dict[int, int]

    @property
    def head(self) -> CellStatus | RepeatRecord:
        return self.status or self.repeats[0]

    @property
    def newest(self) -> tuple[bool, float]:
        return self.status is not None, max((r.started for r in self.repeats), default=-1.0)

    @property
    def unfinished(self) -> list[str]:
        if self.status is None:
            return ["not a cell of the study as it is now"]
        trials = self.status.trials_done + self.status.trials_failed, self.status.trials_planned, "trials"
        done = min(self.status.repeats_done, len(self.repeats))
        repeats = done, self.status.repeats_planned, "repeats"
        return [f"unfinished: {n} of {of} {what}" for n, of, what in (trials, repeats) if n < of]


def leaderboard(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool = False
) -> pd.DataFrame:
    """One row per cell: each board by itself, in it finished cells by mean test macro-F1, then the others.

    Scores and their differences are shares in [0, 1]; low and high are 95 % crossed bootstraps over images
    and seeds, empty with a single repeat. The gain is over the strategy `none` on the same backbone, in the
    slots that both have. Of several recipes of one backbone and strategy the newest counts, unless
    `all_recipes`. Raises UserError if the repeats of a cell were tested on different images.
    """
    boards: dict[tuple, list[_Cell]] = {}
    for cell in _cells(statuses, repeats, all_recipes):
        boards.setdefault(tuple(sorted(cell.head.board.items())), []).append(cell)
    rows = [row for _, cells in sorted(boards.items()) for row in _board(cells)]
    f1 = list(dict.fromkeys(key for row in rows for key in row if key.startswith("f1_")))
    columns = [name for each in COLUMNS for name in (f1 if each == "f1_*" else [each])]
    return pd.DataFrame(rows, columns=columns).astype(TYPES)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write the leaderboard, whole or not at all: one header line, floats with up to 6 significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    frame.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")
    partial.replace(path)


def _cells(statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool) -> list[_Cell]:
    found: dict[tuple, _Cell] = {}

    def place(record: CellStatus | RepeatRecord) -> _Cell:
        key = (*sorted(record.board.items()), record.cell)
        return found.setdefault(key, _Cell(None, [], {}))

    for status in statuses:
        place(status).status = status
    for repeat in sorted(repeats, key=lambda r: (r.slot, r.started, r.run_id)):
        place(repeat).repeats.append(repeat)
    for cell in found.values():  # a slot counted twice by mistake: the later run
        cell.repeats = list({repeat.slot: repeat for repeat in cell.repeats}.values())
    if all_recipes:
        return list(found.values())
    newest: dict[tuple, _Cell] = {}
    for cell in sorted(found.values(), key=lambda c: c.newest):
        newest[(*sorted(cell.head.board.items()), cell.head.backbone, cell.head.strategy)] = cell
    return list(newest.values())


def _board(cells: list[_Cell]) -> list[dict[str, Any]]:
    """Rows of the cells of one board; cells tested on other images (an edited budget) stand apart."""
    tests: dict[str, _TestSet] = {}
    members: dict[str, list[_Cell]] = {}
    for cell in sorted(cells, key=lambda c: c.newest, reverse=True):
        digests = set()
        for repeat in cell.repeats:
            predictions = repeat.predictions()
            digest = hashlib.sha256("\0".join(map(str, predictions.ids)).encode()).hexdigest()
            cell.columns[repeat.slot] = tests.setdefault(digest, _TestSet(predictions)).add(predictions)
            digests.add(digest)
        if len(digests) > 1:
            raise UserError(
                f"the repeats of {cell.head.backbone} with {cell.head.strategy} (cell {cell.head.cell}) were"
                " tested on different images: delete the older runs in MLflow and run the study again"
            )
        members.setdefault(min(digests, default=""), []).append(cell)
    waiting = members.pop("", [])
    groups = members or {"": []}
    next(iter(groups.values())).extend(waiting)  # to be tested on the newest of the test sets
    return [row for digest, group in groups.items() for row in _rows(group, tests.get(digest))]


class _TestSet:
    """Test images that all runs of a board share, and the bootstrap of every run on them, made once."""

    def __init__(self, first: Predictions) -> None:
        self.first = first
        self.predicted: list[np.ndarray] = []

    def add(self, predictions: Predictions) -> int:
        self.predicted.append(np.asarray(predictions.predicted, np.int32))
        return len(self.predicted) - 1

    @cached_property
    def draws(self) -> np.ndarray:
        return self._draws(np.ones(len(self.first.labels), bool))

    @cached_property
    def dedup_draws(self) -> np.ndarray:
        return self.draws if self.first.dedup.all() else self._draws(self.first.dedup)

    def _draws(self, used: np.ndarray) -> np.ndarray:
        runs = np.stack(self.predicted)[:, used]
        if not used.any():
            return np.full((1, len(runs)), np.nan)
        labels, groups = self.first.labels[used], self.first.groups[used]
        return image_draws(labels, runs, groups, int(max(labels.max(), runs.max())) + 1)

    def rarest_recall(self, columns: Sequence[int]) -> float:
        """Recall of the class with the fewest test images, mean over runs."""
        classes, counts = np.unique(self.first.labels, return_counts=True)
        rarest = classes[counts.argmin()]
        chosen = np.stack([self.predicted[c] for c in columns])[:, self.first.labels == rarest]
        return float((chosen == rarest).mean())

    def collapsed(self, columns: Sequence[int]) -> int:
        """How many of the runs predict one class only."""
        return sum(bool((self.predicted[c] == self.predicted[c][0]).all()) for c in columns)


def _rows(cells: list[_Cell], test: _TestSet | None) -> list[dict[str, Any]]:
    """Rows of cells with one test set: finished and ranked, best first, then the unfinished."""

    def order(cell: _Cell) -> tuple:
        score = _mean(cell, "test/macro_f1")
        return (
            bool(cell.unfinished),
            -score if score == score else np.inf,
            cell.head.backbone,
            cell.head.strategy,
        )

    cells = sorted(cells, key=order)
    baselines = {(c.head.backbone, c.head.recipe): c for c in cells if c.head.strategy == BASELINE}
    best = cells[0]
    rows = []
    for place, cell in enumerate(cells, start=1):
        row = _row(cell, test)
        baseline = baselines.get((cell.head.backbone, cell.head.recipe))
        if test and baseline and baseline is not cell:
            row["gain"], row["gain_low"], row["gain_high"] = _difference(test, cell, baseline)
            shared = len(cell.columns.keys() & baseline.columns.keys())
            if shared < len(cell.repeats):
                row["warnings"].append(f"gain over {shared} of {len(cell.repeats)} repeats")
        if test and not cell.unfinished:
            _, low, high = _difference(test, cell, best)
            row |= {"rank": place, "best_set": None if np.isnan(low) else bool(low <= 0 <= high)}
        rows.append(row | {"warnings": "; ".join(dict.fromkeys(row["warnings"]))})
    return rows


def _row(cell: _Cell, test: _TestSet | None) -> dict[str, Any]:
    head, repeats = cell.head, cell.repeats
    row: dict[str, Any] = {
        **{key: head.board.get(key, "") for key in ("dataset", "split", "budget", "study")},
        **{key: getattr(head, key) for key in ("backbone", "strategy", "cell", "recipe")},
        "data_fingerprint": head.board.get("data_fingerprint", "")[:12],
        "repeats": len(repeats),
        "trials": cell.status.trials_done if cell.status else None,
        "test_images": len(test.first.labels) if test else None,
        "commits": _joined(repeat.commit for repeat in repeats),
        "weights": _joined(repeat.tags.get("weights", "") for repeat in repeats),
        "weights_hash": _joined(repeat.tags.get("weights_hash", "") for repeat in repeats),
        "warnings": _warnings(cell, test),
    }
    for kind, prefix in (("test", ""), ("test_dedup", "dedup_")):
        for score in SCORES:
            row[f"{prefix}{score}"] = _mean(cell, f"{kind}/{score}")
            row[f"{prefix}{score}_sd"] = _sd(cell, f"{kind}/{score}")
    for key in (key for repeat in repeats for key in repeat.metrics if key.startswith("test/f1/")):
        row[f"f1_{key.removeprefix('test/f1/')}"] = _mean(cell, key)
    for key in ("steps", "train_seconds", "images_per_second", "parameters"):
        values = _values(cell, key)
        row[key] = (round(median(values)) if TYPES.get(key) else median(values)) if values else None
    if test and repeats:
        columns = list(cell.columns.values())
        row["rarest_class_recall"] = test.rarest_recall(columns)
        for prefix, draws in (("", test.draws), ("dedup_", test.dedup_draws)):
            low, high = _interval(draws[:, columns])
            row |= {f"{prefix}macro_f1_low": low, f"{prefix}macro_f1_high": high}
    return row


def _difference(test: _TestSet, cell: _Cell, other: _Cell) -> tuple[float, float, float]:
    """Macro-F1 of a cell less that of another in the slots both have, and its 95 % interval."""
    slots = sorted(cell.columns.keys() & other.columns.keys())
    if not slots:
        return np.nan, np.nan, np.nan
    here, there = ({r.slot: r.metrics["test/macro_f1"] for r in c.repeats} for c in (cell, other))
    draws = test.draws[:, [cell.columns[s] for s in slots]] - test.draws[:, [other.columns[s] for s in slots]]
    return float(np.mean([here[s] - there[s] for s in slots])), *_interval(draws)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    """Crossed 95 % interval of (draws, S); NaN for one seed, whose noise nobody knows."""
    return interval(cross_seeds(draws)) if draws.shape[1] > 1 else (np.nan, np.nan)


def _warnings(cell: _Cell, test: _TestSet | None) -> list[str]:
    """Unfinished work and alarms of a cell, each a phrase."""
    found = cell.unfinished
    columns, tags = list(cell.columns.values()), [repeat.tags for repeat in cell.repeats]
    if test and (count := test.collapsed(columns)):
        found.append(f"collapsed: {count} of {len(columns)} repeats predict one class only")
    ceiling = max((float(each.get("honest_ceiling") or "inf") for each in tags), default=np.inf)
    if (accuracy := _mean(cell, "test/accuracy")) > ceiling:
        found.append(
            f"accuracy {accuracy:.3f} is above the honest ceiling {ceiling:g} of one model: look for a leak"
        )
    if any(each.get("selects_on_test", "").lower() in ("true", "1", "yes") for each in tags):
        found.append("validation is the test set: never ranked with the others")
    if cell.status:
        if cell.status.trials_failed:
            found.append(f"{cell.status.trials_failed} of {cell.status.trials_planned} trials failed")
        found += cell.status.warnings
    return found + [w.strip() for each in tags for w in each.get("warnings", "").split(";") if w.strip()]


def _values(cell: _Cell, key: str) -> list[float]:
    return [repeat.metrics[key] for repeat in cell.repeats if key in repeat.metrics]


def _mean(cell: _Cell, key: str) -> float:
    values = _values(cell, key)
    return float(np.mean(values)) if values else np.nan


def _sd(cell: _Cell, key: str) -> float:
    values = _values(cell, key)
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def _joined(words: Iterable[str]) -> str:
    return " ".join(sorted(set(filter(None, words))))
