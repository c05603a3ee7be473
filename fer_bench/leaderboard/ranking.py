"""Records of runs to one row per cell, best first, with intervals; and the same as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from fer_bench.errors import UserError
from fer_bench.leaderboard.board import BoardCell, Bootstrap, rows
from fer_bench.storage.records import CellStatus, RepeatRecord

COLUMNS = (
    *("recipe_name", "dataset", "split", "budget", "backbone", "strategy", "rank", "repeats"),
    *("macro_f1", "macro_f1_low", "macro_f1_high", "balanced_accuracy", "balanced_accuracy_sd"),
    *("accuracy", "accuracy_sd", "macro_f1_sd"),
    *("dedup_macro_f1", "dedup_macro_f1_low", "dedup_macro_f1_high", "dedup_macro_f1_sd"),
    *("dedup_balanced_accuracy", "dedup_balanced_accuracy_sd", "dedup_accuracy", "dedup_accuracy_sd"),
    *("f1_*", "rarest_class_recall", "gain", "gain_low", "gain_high", "best_set"),
    *(
        "trials",
        "selected_from",
        "steps",
        "train_seconds",
        "setup_seconds",
        "images_per_second",
        "parameters",
    ),
    *("weights", "weights_hash", "cell", "recipe", "study", "data_fingerprint", "images", "test_images"),
    *("reported", "commits", "warnings"),
)
TYPES = {
    **dict.fromkeys(
        ("rank", "repeats", "trials", "selected_from", "steps", "parameters", "test_images"), "Int64"
    ),
    "best_set": "boolean",
}


def leaderboard(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool = False
) -> pd.DataFrame:
    """One row per cell: each board by itself, in it finished cells by mean test macro-F1, then the others.

    Scores and their differences are shares in [0, 1]; low and high are 95 % crossed bootstraps over images
    and seeds, empty with a single repeat. The gain is over the cell that differs by nothing but its
    strategy, `none`, in the slots that both have. Of several recipes of one backbone and strategy the newest
    counts, unless `all_recipes`. Raises UserError if the repeats of a cell were tested on different images.
    """
    boards: dict[tuple, list[BoardCell]] = {}
    for cell in _cells(statuses, repeats, all_recipes):
        boards.setdefault(tuple(sorted(cell.head.board.items())), []).append(cell)
    found = [row for _, cells in sorted(boards.items(), key=_place) for row in _board(cells)]
    f1 = list(dict.fromkeys(key for row in found for key in row if key.startswith("f1_")))
    columns = [name for each in COLUMNS for name in (f1 if each == "f1_*" else [each])]
    return pd.DataFrame(found, columns=columns).astype(TYPES)


def _place(board: tuple[tuple, list[BoardCell]]) -> tuple:
    """To sort boards: those of a study and dataset as they were begun, so recipes as in the study's file."""
    shared, cells = dict(board[0]), board[1]
    begun = min((repeat.started for cell in cells for repeat in cell.repeats), default=math.inf)
    return *(shared[key] for key in ("study", "dataset")), begun, board[0]


def _cells(
    statuses: Iterable[CellStatus], repeats: Iterable[RepeatRecord], all_recipes: bool
) -> list[BoardCell]:
    found: dict[tuple, BoardCell] = {}

    def place(record: CellStatus | RepeatRecord) -> BoardCell:
        key = (*sorted(record.board.items()), record.cell)
        return found.setdefault(key, BoardCell(None, []))

    for status in statuses:
        place(status).status = status
    for repeat in sorted(repeats, key=lambda r: (r.slot, r.started, r.run_id)):
        place(repeat).repeats.append(repeat)
    for cell in found.values():  # a slot counted twice by mistake: the later run
        cell.repeats = list({repeat.slot: repeat for repeat in cell.repeats}.values())
    if all_recipes:
        return list(found.values())
    newest: dict[tuple, BoardCell] = {}
    for cell in sorted(found.values(), key=lambda c: c.newest):
        where = sorted(item for item in cell.head.board.items() if item[0] != "images")
        newest[(*where, cell.head.backbone, cell.head.strategy)] = cell
    return list(newest.values())


def _board(cells: list[BoardCell]) -> list[dict[str, Any]]:
    """Rows of the cells of one board; other recipes, test images or numbers of trials stand apart."""
    tests: dict[str, Bootstrap] = {}
    groups: dict[tuple[str, str, int], list[BoardCell]] = {}
    for cell in sorted(cells, key=lambda c: c.newest, reverse=True):
        if cell.repeats:
            key = cell.head.recipe, _tested(cell, tests), cell.selected_from
        else:  # to be selected and tested as the newest of its recipe
            key = next((k for k in groups if k[0] == cell.head.recipe), (cell.head.recipe, "", 0))
        groups.setdefault(key, []).append(cell)
    found = []
    for (recipe, digest, trials), group in groups.items():
        others = {k[2] for k in groups if k[:2] == (recipe, digest)} - {trials}
        found += rows(group, tests.get(digest), others)
    return found


def _tested(cell: BoardCell, tests: dict[str, Bootstrap]) -> str:
    """Enter a cell's repeats among the runs on their test images; the digest of these."""
    digests = set()
    for repeat in cell.repeats:
        predictions = repeat.predictions()
        digest = predictions.images.digest
        test = tests.setdefault(digest, Bootstrap(predictions.images))
        cell.columns[repeat.slot] = test.add(predictions)
        digests.add(digest)
    if len(digests) > 1:
        raise UserError(
            f"the repeats of {cell.head.backbone} with {cell.head.strategy} (cell {cell.head.cell}) were"
            " tested on different images: delete the older runs in MLflow and run the study again"
        )
    return digests.pop()
