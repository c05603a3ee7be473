"""One board: the cells that may be ranked together, to rows with intervals, gains and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from fer_bench.data.splits import scored_parts
from fer_bench.evaluation.comparisons import Comparisons
from fer_bench.evaluation.intervals import Effect, holm, intervals, mean_and_sd, p_values
from fer_bench.leaderboard.subgroups import subgroup_columns
from fer_bench.leaderboard.tested import Score, TestedRuns
from fer_bench.storage.records import BOARD, CellStatus, RepeatRecord
from fer_bench.study.spec import UNTUNED

BASELINE = "none"  # the strategy that gains are measured against
NOT_TUNED = (
    "untuned and not ranked: it takes the defaults of all that is searched (its gain with the sign turned is "
    "what tuning brought)"
)
PREFIXES = {"test": "", "test_dedup": "dedup_", "test_near_dedup": "near_dedup_"}
"""How columns of scores begin, by the part of the test images that they are of."""
SCORES = ("macro_f1", "balanced_accuracy", "accuracy")
FACTS = (  # medians over repeats
    *("steps", "train_seconds", "shared_seconds", "setup_seconds", "views_seconds", "images_per_second"),
    "parameters",
)
WHOLE_NUMBERS = ("steps", "parameters")

Row = dict[str, Any]
"""One cell's words and numbers by column; None or NaN where there is none."""


@dataclass(frozen=True, eq=False)
class BoardCell:
    """A cell with its repeats; `runs` gives by slot the number that a repeat has in `TestedRuns`.

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
    def untuned(self) -> bool:
        """Whether it shows the defaults beside a tuned cell that is the same but for that."""
        return self.head.strategy.endswith(UNTUNED)

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
        if self.untuned:
            reasons.append(NOT_TUNED)
        return reasons


@dataclass(frozen=True, eq=False)
class Board:
    """Cells with one recipe and test set: finished and ranked, best first, then the unfinished.

    test: their runs, None where nothing was tested. other_trials: numbers of trials that cells alike but for
    that were selected from.
    """

    cells: tuple[BoardCell, ...]
    test: TestedRuns | None
    other_trials: frozenset[int] = frozenset()

    @classmethod
    def of(cls, cells: Sequence[BoardCell], test: TestedRuns | None, other_trials: set[int]) -> Board:
        """The cells in their order, those that newer ones of their backbone differ from marked."""
        return cls(tuple(sorted(_marked_outdated(cells), key=_order)), test, frozenset(other_trials))

    @property
    def baselines(self) -> dict[int, int]:
        """Number of the cell that the gain of each numbered cell is over, among those that were tested."""
        tested = [cell for cell in self.cells if cell.repeats]
        found = {c.shared_key: number for number, c in enumerate(tested) if c.head.strategy == BASELINE}
        pairs = [(number, found.get(cell.shared_key, number)) for number, cell in enumerate(tested)]
        return {number: baseline for number, baseline in pairs if number != baseline}

    def comparisons(self, part: str = "test", score: Score | None = None) -> Comparisons:
        """Macro-F1 of a part of test, or another score, of the cells that were tested, in their order."""
        assert self.test
        tested = [cell for cell in self.cells if cell.repeats]
        # Untuned, a cell is the tuned one once more wherever the defaults are what was chosen.
        apart = {number for number, cell in enumerate(tested) if cell.untuned}
        runs = [(cell.shared_key, cell.runs) for cell in tested]
        return self.test.compare(runs, part, self.scored, apart, score)

    @property
    def scored(self) -> bool:
        """Whether it is of models from elsewhere, of which there are no other seeds."""
        return all(repeat.tags.get("scored") for cell in self.cells for repeat in cell.repeats)


def board_rows(board: Board) -> list[Row]:
    """Rows of a board's cells, in their order."""
    cells, test, other_trials = board.cells, board.test, board.other_trials
    selected_from = next((c.selected_from for c in cells if c.repeats and not c.untuned), None)
    rows = [_row(cell, test) | {"selected_from": selected_from} for cell in cells]
    if test:
        tested = [row for cell, row in zip(cells, rows, strict=True) if cell.repeats]
        _compare(board, tested)
        for row, columns in zip(tested, subgroup_columns(board), strict=True):
            row |= columns
    for place, (cell, row) in enumerate(zip(cells, rows, strict=True), start=1):
        if test and not cell.unranked:
            row["rank"] = place
        if other_trials and cell.repeats:
            numbers = " or ".join(map(str, sorted(other_trials)))
            row["warnings"].append(
                f"selected from {selected_from} trials, other cells from {numbers}: not ranked together"
            )
        row["warnings"] = "; ".join(dict.fromkeys(row["warnings"]))
    return rows


def _compare(board: Board, rows: Sequence[Row]) -> None:
    """Enter into the rows of tested cells their intervals, gains, and which may be as good as the best."""
    cells = [cell for cell in board.cells if cell.repeats]
    ranked = [number for number, cell in enumerate(cells) if not cell.unranked]
    assert board.test
    for part in scored_parts(board.test.images):
        prefix, scores = PREFIXES[part], board.comparisons(part)
        _enter(rows, f"{prefix}macro_f1", [scores.score(number) for number in range(len(cells))], (0, 1))
        pairs = board.baselines.items()
        found = {cell: gain for cell, other in pairs if (gain := scores.difference(cell, other))}
        for untuned in (False, True):  # what tuning brings is another question: corrected for by itself
            some = {number: gain for number, gain in found.items() if cells[number].untuned == untuned}
            gainers = [rows[number] for number in some]
            _enter(gainers, f"{prefix}gain", list(some.values()), (-1, 1))
            for row, p in zip(gainers, holm(p_values(list(some.values()))), strict=True):
                row[f"{prefix}gain_p"] = p
        if not prefix and ranked:
            for number, good in zip(ranked, scores.as_good(ranked), strict=True):
                rows[number]["best_set"] = good
    for number, baseline in board.baselines.items():
        paired = len(cells[number].runs.keys() & cells[baseline].runs.keys())
        if paired < len(cells[number].repeats):
            rows[number]["warnings"].append(f"gain over {paired} of {len(cells[number].repeats)} repeats")


def _enter(rows: Sequence[Row], name: str, effects: Sequence[Effect], bounds: tuple[float, float]) -> None:
    """Enter effects with their 95 % intervals; of a few images these may reach beyond what is possible."""
    low, high = (np.clip(ends, *bounds) for ends in intervals(effects))
    for row, each, *ends in zip(rows, effects, low, high, strict=True):
        row |= {name: each.value} | dict(zip((f"{name}_low", f"{name}_high"), ends, strict=True))


def _marked_outdated(cells: Sequence[BoardCell]) -> list[BoardCell]:
    current = {c.head.backbone: c.shared_key for c in sorted(cells, key=lambda c: c.newest) if c.repeats}
    return [replace(c, outdated=bool(c.repeats) and c.shared_key != current[c.head.backbone]) for c in cells]


def _order(cell: BoardCell) -> tuple[bool, float, str, str]:
    score = _mean(cell, "test/macro_f1")
    worst_last = -score if score == score else np.inf
    return bool(cell.unranked), worst_last, cell.head.backbone, cell.head.strategy


def _row(cell: BoardCell, test: TestedRuns | None) -> Row:
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
    row["val_macro_f1"] = _mean(cell, "val/macro_f1")
    for kind, prefix in PREFIXES.items():
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
    return row


def _warnings(cell: BoardCell, test: TestedRuns | None) -> list[str]:
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
    warnings += _added_repeats(cell)
    if any(each.get("selects_on_test", "").lower() in ("true", "1", "yes") for each in tags):
        warnings.append("validation is the test set: never ranked with the others")
    if any("trial_seeds" in each for each in tags):
        warnings.append("each trial had a seed of its own: the best may be the one with the luckiest seed")
    if cell.status:
        if cell.status.trials_failed:
            warnings.append(f"{cell.status.trials_failed} of {cell.status.trials_planned} trials failed")
        warnings += cell.status.warnings
    for kind in ("warnings", "alarms", "notes"):
        warnings += [
            phrase for each in tags for phrase in map(str.strip, each.get(kind, "").split(";")) if phrase
        ]
    if test and cell.repeats:
        warnings += test.duplicates
    if in_train := max((int(each.get("val_twins") or 0) for each in tags), default=0):
        warnings.append(f"{in_train:,} validation images are also in train: selection trusts them too much")
    return warnings


def _added_repeats(cell: BoardCell) -> list[str]:
    """That repeats were planned when earlier ones had been tested: whoever saw these could have stopped."""
    planned = {r.slot: int(r.tags.get("planned_repeats") or 0) for r in cell.repeats}
    first = min(planned.values(), default=0)
    added = [slot for slot, number in planned.items() if first and number > first and slot >= first]
    if not added:
        return []
    return [f"{len(added)} of {len(planned)} repeats were added when {first} had been tested"]


def _values(cell: BoardCell, key: str) -> list[float]:
    return [repeat.metrics[key] for repeat in cell.repeats if key in repeat.metrics]


def _mean(cell: BoardCell, key: str) -> float:
    return _mean_and_sd(cell, key)[0]


def _sd(cell: BoardCell, key: str) -> float:
    return _mean_and_sd(cell, key)[1]


def _mean_and_sd(cell: BoardCell, key: str) -> tuple[float, float]:
    """Of all repeats; NaN where some weren't scored by it, as older ones without near-duplicates."""
    values = _values(cell, key)
    return mean_and_sd(values if len(values) == len(cell.repeats) else [])


def _joined(words: Iterable[str]) -> str:
    return " ".join(sorted(set(filter(None, words))))
