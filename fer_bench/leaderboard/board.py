"""One board: the cells that may be ranked together, to rows with intervals, gains and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean, median
from typing import Any

import numpy as np

from fer_bench.evaluation.bootstrap import cross_seeds, image_draws, interval
from fer_bench.storage.records import BOARD, CellStatus, HeldOut, Predictions, RepeatRecord

BASELINE = "none"  # the strategy that gains are measured against
SCORES = ("macro_f1", "balanced_accuracy", "accuracy")
FACTS = (  # medians over repeats
    *("steps", "train_seconds", "shared_seconds", "setup_seconds", "images_per_second"),
    "parameters",
)
WHOLE_NUMBERS = ("steps", "parameters")

Row = dict[str, Any]
"""One cell's words and numbers by column; None or NaN where there is none."""


@dataclass(frozen=True, eq=False)
class BoardCell:
    """A cell with its repeats; `runs` gives by slot the number that a repeat has in the bootstrap.

    `outdated`: newer cells of its backbone differ from it in more than the strategy.
    """

    status: CellStatus | None
    repeats: tuple[RepeatRecord, ...]
    runs: Mapping[int, int] = field(default_factory=dict)
    outdated: bool = False

    @property
    def head(self) -> CellStatus | RepeatRecord:
        """What names the cell."""
        return self.status or self.repeats[0]

    @property
    def newest(self) -> tuple[bool, float]:
        """Whether it is planned, and when its last repeat began: to sort by."""
        return self.status is not None, max((r.started for r in self.repeats), default=-1.0)

    @property
    def shared_key(self) -> str:
        """Cells with the same may be compared: their strategy is all that differs."""
        return max(self.repeats, key=lambda r: r.started).shared_key

    @property
    def selected_from(self) -> int:
        """Trials that the parameters of the repeats were chosen from."""
        return max(r.selected_from for r in self.repeats)

    @property
    def unranked(self) -> list[str]:
        """Why the cell has no rank, each a phrase."""
        if self.status is None:
            return ["not a cell of the study as it is now"]
        trials = self.status.trials_done + self.status.trials_failed, self.status.trials_planned, "trials"
        done = min(self.status.repeats_done, len(self.repeats))
        repeats = done, self.status.repeats_planned, "repeats"
        reasons = [f"unfinished: {n} of {of} {what}" for n, of, what in (trials, repeats) if n < of]
        if self.outdated:
            reasons.append("other weights or images than in newer runs of this backbone: run it again")
        return reasons


class Bootstrap:
    """The runs of a board on the test images they share; resampled scores are computed once for all."""

    def __init__(self, images: HeldOut) -> None:
        self.images = images
        self.predicted: list[np.ndarray] = []

    def add(self, predictions: Predictions) -> int:
        """Enter a run; gives its number, its column in the draws."""
        self.predicted.append(np.asarray(predictions.predicted, np.int32))
        return len(self.predicted) - 1

    @cached_property
    def draws(self) -> tuple[np.ndarray, np.ndarray]:
        """Macro-F1 of each run as tested and deduplicated, each (draws, runs)."""
        predicted, images = np.stack(self.predicted), self.images
        classes = int(max(images.labels.max(), predicted.max())) + 1
        return image_draws(images.labels, predicted, images.groups, images.dedup, classes)

    def rarest_recall(self, runs: Sequence[int]) -> float:
        """Recall of the class with the fewest test images, mean over runs."""
        classes, counts = np.unique(self.images.labels, return_counts=True)
        rarest = classes[counts.argmin()]
        predicted = np.stack([self.predicted[run] for run in runs])[:, self.images.labels == rarest]
        return float((predicted == rarest).mean())

    def collapsed(self, runs: Sequence[int]) -> int:
        """How many of the runs predict one class only."""
        return sum(bool((self.predicted[run] == self.predicted[run][0]).all()) for run in runs)


def board_rows(cells: Sequence[BoardCell], test: Bootstrap | None, other_trials: set[int]) -> list[Row]:
    """Rows of cells with one recipe and test set: finished and ranked, best first, then the unfinished.

    `other_trials`: numbers of trials that cells alike but for that were selected from.
    """
    cells = sorted(_marked_outdated(cells), key=_order)
    baselines = {c.shared_key: c for c in cells if c.repeats and c.head.strategy == BASELINE}
    selected_from = next((c.selected_from for c in cells if c.repeats), None)
    rows = []
    for place, cell in enumerate(cells, start=1):
        row = _row(cell, test) | {"selected_from": selected_from}
        baseline = baselines.get(cell.shared_key) if cell.repeats else None
        if test and baseline and baseline is not cell:
            row["gain"], row["gain_low"], row["gain_high"] = _difference(test, cell, baseline)
            paired = len(cell.runs.keys() & baseline.runs.keys())
            if paired < len(cell.repeats):
                row["warnings"].append(f"gain over {paired} of {len(cell.repeats)} repeats")
        if test and not cell.unranked:
            _, low, high = _difference(test, cell, cells[0])
            row |= {"rank": place, "best_set": None if np.isnan(low) else bool(low <= 0 <= high)}
        if other_trials and cell.repeats:
            numbers = " or ".join(map(str, sorted(other_trials)))
            row["warnings"].append(
                f"selected from {selected_from} trials, other cells from {numbers}: not ranked together"
            )
        rows.append(row | {"warnings": "; ".join(dict.fromkeys(row["warnings"]))})
    return rows


def _marked_outdated(cells: Sequence[BoardCell]) -> list[BoardCell]:
    current = {c.head.backbone: c.shared_key for c in sorted(cells, key=lambda c: c.newest) if c.repeats}
    return [replace(c, outdated=bool(c.repeats) and c.shared_key != current[c.head.backbone]) for c in cells]


def _order(cell: BoardCell) -> tuple[bool, float, str, str]:
    score = _mean(cell, "test/macro_f1")
    worst_last = -score if score == score else np.inf
    return bool(cell.unranked), worst_last, cell.head.backbone, cell.head.strategy


def _row(cell: BoardCell, test: Bootstrap | None) -> Row:
    head, repeats = cell.head, cell.repeats
    row: Row = {
        **{key: head.board.get(key, "") for key in BOARD},
        **{key: getattr(head, key) for key in ("backbone", "strategy", "cell", "recipe")},
        "data_fingerprint": head.board.get("data_fingerprint", "")[:12],
        "repeats": len(repeats),
        "trials": cell.status.trials_done if cell.status else None,
        "test_images": len(test.images.labels) if test else None,
        "reported": next((repeat.tags["reported"] for repeat in repeats if "reported" in repeat.tags), ""),
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
    for key in FACTS:
        values = _values(cell, key)
        row[key] = (round(median(values)) if key in WHOLE_NUMBERS else median(values)) if values else None
    if test and repeats:
        runs = list(cell.runs.values())
        row["rarest_class_recall"] = test.rarest_recall(runs)
        for prefix, draws in zip(("", "dedup_"), test.draws, strict=True):
            low, high = np.clip(_interval(draws[:, runs]), 0, 1)  # of a few images it may reach beyond
            row |= {f"{prefix}macro_f1_low": low, f"{prefix}macro_f1_high": high}
    return row


def _difference(test: Bootstrap, cell: BoardCell, other: BoardCell) -> tuple[float, float, float]:
    """Macro-F1 of a cell less that of another in the slots both have, and its 95 % interval."""
    slots = sorted(cell.runs.keys() & other.runs.keys())
    if not slots:
        return np.nan, np.nan, np.nan
    ours, theirs = ({r.slot: r.metrics["test/macro_f1"] for r in c.repeats} for c in (cell, other))
    draws, _ = test.draws
    draws = draws[:, [cell.runs[s] for s in slots]] - draws[:, [other.runs[s] for s in slots]]
    return float(np.mean([ours[s] - theirs[s] for s in slots])), *_interval(draws)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    """Crossed 95 % interval of (draws, S); NaN for one seed, whose noise nobody knows."""
    return interval(cross_seeds(draws)) if draws.shape[1] > 1 else (np.nan, np.nan)


def _warnings(cell: BoardCell, test: Bootstrap | None) -> list[str]:
    """What is unfinished and what looks wrong in a cell, each a phrase."""
    warnings = cell.unranked
    runs, tags = list(cell.runs.values()), [repeat.tags for repeat in cell.repeats]
    if test and (count := test.collapsed(runs)):
        warnings.append(f"collapsed: {count} of {len(runs)} repeats predict one class only")
    ceiling = max((float(each.get("honest_ceiling") or "inf") for each in tags), default=np.inf)
    if (accuracy := _mean(cell, "test/accuracy")) > ceiling:
        warnings.append(
            f"accuracy {accuracy:.3f} is above the honest ceiling {ceiling:g} of one model: look for a leak"
        )
    if any(each.get("selects_on_test", "").lower() in ("true", "1", "yes") for each in tags):
        warnings.append("validation is the test set: never ranked with the others")
    if cell.status:
        if cell.status.trials_failed:
            warnings.append(f"{cell.status.trials_failed} of {cell.status.trials_planned} trials failed")
        warnings += cell.status.warnings
    for kind in ("warnings", "alarms", "notes"):
        warnings += [
            phrase for each in tags for phrase in map(str.strip, each.get(kind, "").split(";")) if phrase
        ]
    if test and cell.repeats and (twins := np.count_nonzero(~test.images.dedup)):
        warnings.append(
            f"{twins:,} of {len(test.images.dedup):,} test images are also in train or val: see dedup_*"
        )
    return warnings


def _values(cell: BoardCell, key: str) -> list[float]:
    return [repeat.metrics[key] for repeat in cell.repeats if key in repeat.metrics]


def _mean(cell: BoardCell, key: str) -> float:
    values = _values(cell, key)
    return fmean(values) if values else np.nan


def _sd(cell: BoardCell, key: str) -> float:
    values = _values(cell, key)
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def _joined(words: Iterable[str]) -> str:
    return " ".join(sorted(set(filter(None, words))))
