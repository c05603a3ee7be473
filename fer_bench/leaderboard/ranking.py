"""Records of runs to a data frame: a row for each cell, best first, with intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from fer_bench.errors import UserError
from fer_bench.leaderboard.board import BASELINE, Board, BoardCell, Row, board_rows
from fer_bench.leaderboard.subgroups import GAP, GROUP
from fer_bench.leaderboard.tested import TestedRuns
from fer_bench.storage.records import SCORED, TRAINING_SET, CellStatus, RepeatRecord

COLUMNS = (
    *("recipe_name", "dataset", "split", "budget", "backbone", "strategy", "rank", "repeats"),
    *("macro_f1", "macro_f1_low", "macro_f1_high", "balanced_accuracy", "balanced_accuracy_sd"),
    *("accuracy", "accuracy_sd", "macro_f1_sd", "val_macro_f1"),
    *("dedup_macro_f1", "dedup_macro_f1_low", "dedup_macro_f1_high", "dedup_macro_f1_sd"),
    *("dedup_balanced_accuracy", "dedup_balanced_accuracy_sd", "dedup_accuracy", "dedup_accuracy_sd"),
    *("near_dedup_macro_f1", "near_dedup_macro_f1_low", "near_dedup_macro_f1_high", "near_dedup_macro_f1_sd"),
    *("near_dedup_balanced_accuracy", "near_dedup_balanced_accuracy_sd"),
    *("near_dedup_accuracy", "near_dedup_accuracy_sd"),
    *("f1_*", "rarest_class_recall", "gain", "gain_low", "gain_high", "gain_p"),
    *("dedup_gain", "dedup_gain_low", "dedup_gain_high", "dedup_gain_p"),
    *("near_dedup_gain", "near_dedup_gain_low", "near_dedup_gain_high", "near_dedup_gain_p", "best_set"),
    *(
        "trials",
        "selected_from",
        "steps",
        "train_seconds",
        "shared_seconds",
        "setup_seconds",
        "views_seconds",
        "images_per_second",
        "parameters",
    ),
    *("weights", "weights_hash", "cell", "recipe", "study", "data_fingerprint", "images", "test_images"),
    "shared_phases",
    *TRAINING_SET,
    *("reported", "commits", "warnings"),
)
TYPES = {
    **dict.fromkeys(
        ("rank", "repeats", "trials", "selected_from", "steps", "parameters", "test_images"), "Int64"
    ),
    "best_set": "boolean",
}

BoardKey = tuple[tuple[str, str], ...]
"""What cells that are ranked together share: names and values, sorted."""


def leaderboard(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool = False
) -> pd.DataFrame:
    """One row per cell: each board by itself, in it finished cells by mean test macro-F1, then the others.

    Scores and their differences are shares in [0, 1]; low and high are 95 % intervals over images and seeds
    (`fer_bench.evaluation.intervals`), empty with a single repeat. The gain is over the cell that differs by
    nothing but its strategy, `none`, in the slots that both have; gain_p is the probability of one at least
    as large where there is none, by Holm's correction for all gains of the board. Of several recipes of one
    backbone and strategy the newest counts, unless `all_recipes`. Raises UserError if the repeats of a cell
    were tested on different images.
    """
    return frame([row for board in find_boards(statuses, repeats, all_recipes) for row in board_rows(board)])


def find_boards(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool = False
) -> list[Board]:
    """The boards of `leaderboard`, in its order, each with its cells and their runs; raises as it does."""
    shared: dict[BoardKey, list[BoardCell]] = defaultdict(list)
    for cell in _cells(statuses, repeats, all_recipes):
        shared[_board_key(cell.head)].append(cell)
    return [board for _, cells in sorted(shared.items(), key=_board_order) for board in _boards(cells)]


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a table with the columns of a leaderboard, those of their classes, and last of subgroups."""
    f1 = list(dict.fromkeys(key for row in rows for key in row if key.startswith("f1_")))
    columns = [name for each in COLUMNS for name in (f1 if each == "f1_*" else [each])]
    columns += dict.fromkeys(key for row in rows for key in row if key.startswith((GROUP, GAP)))
    return pd.DataFrame(rows, columns=columns).astype(TYPES).copy()  # else each column lies by itself


def _board_key(record: CellStatus | RepeatRecord) -> BoardKey:
    return tuple(sorted(record.board.items()))


def _board_order(board: tuple[BoardKey, list[BoardCell]]) -> tuple[str, bool, str, float, BoardKey]:
    """To sort boards: those of a study and dataset as they were begun, so recipes as in the study's file.

    Models from elsewhere come last.
    """
    shared, cells = dict(board[0]), board[1]
    begun = min((repeat.started for cell in cells for repeat in cell.repeats), default=math.inf)
    scored = shared.get("recipe_name") == SCORED
    return shared["study"], scored, shared["dataset"], begun, board[0]


def _cells(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool
) -> list[BoardCell]:
    """All cells that are planned or have a repeat; of each backbone and strategy the newest recipe's."""
    planned = {(_board_key(status), status.cell): status for status in statuses}
    by_slot: dict[tuple[BoardKey, str], dict[int, RepeatRecord]] = {key: {} for key in planned}
    for repeat in sorted(repeats, key=lambda r: (r.slot, r.started, r.run_id)):
        slots = by_slot.setdefault((_board_key(repeat), repeat.cell), {})
        slots[repeat.slot] = repeat  # a slot counted twice by mistake: the later run
    cells = [BoardCell(planned.get(key), tuple(slots.values())) for key, slots in by_slot.items()]
    if all_recipes:
        return cells
    newest: dict[tuple[BoardKey, str, str], BoardCell] = {}
    for cell in sorted(cells, key=lambda c: c.newest):
        shared = tuple(item for item in _board_key(cell.head) if item[0] not in ("images", "shared_phases"))
        newest[shared, cell.head.backbone, cell.head.strategy] = cell
    return list(newest.values())


def _boards(cells: Sequence[BoardCell]) -> list[Board]:
    """Cells that share a board's names, apart by recipe, test images and numbers of trials."""
    tests: dict[str, TestedRuns] = {}
    groups: dict[tuple[str, str, int], list[BoardCell]] = {}
    for cell in sorted(cells, key=lambda c: (not c.untuned, *c.newest), reverse=True):
        if cell.repeats:
            digest, cell = _tested(cell, tests)
            key = cell.head.recipe, digest, cell.selected_from
            if cell.untuned:  # beside the tuned cell, whatever that was selected from
                key = next(
                    (k for k, of in groups.items() if k[:2] == key[:2] and _has_baseline(of, cell)), key
                )
        else:  # to be selected and tested as the newest of its recipe
            key = next((k for k in groups if k[0] == cell.head.recipe), (cell.head.recipe, "", 0))
        groups.setdefault(key, []).append(cell)
    boards = []
    for (recipe, digest, trials), group in groups.items():
        other_trials = {k[2] for k in groups if k[:2] == (recipe, digest)} - {trials}
        boards.append(Board.of(group, tests.get(digest), other_trials))
    return boards


def _has_baseline(cells: Sequence[BoardCell], cell: BoardCell) -> bool:
    """Whether the cell that another's gain is over is among these."""
    return any(c.repeats and c.head.strategy == BASELINE and c.shared_key == cell.shared_key for c in cells)


def _tested(cell: BoardCell, tests: dict[str, TestedRuns]) -> tuple[str, BoardCell]:
    """Enter a cell's repeats among the runs on their test images; gives the digest of these, and the cell.

    Raises UserError if its repeats were tested on different images.
    """
    runs, digests = {}, set()
    for repeat in cell.repeats:
        predictions = repeat.predictions()
        digest = predictions.images.digest
        runs[repeat.slot] = tests.setdefault(digest, TestedRuns(predictions.images)).add(predictions)
        digests.add(digest)
    if len(digests) > 1:
        raise UserError(
            f"the repeats of {cell.head.backbone} with {cell.head.strategy} (cell {cell.head.cell}) were"
            " tested on different images: delete the older runs in MLflow and run the study again"
        )
    return digests.pop(), replace(cell, runs=runs)
