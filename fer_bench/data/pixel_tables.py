"""Tables with an image in each row, the form in which FER-2013 came: emotion, pixels, and in most Usage.

CK+ comes in it too, with one more class.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

from fer_bench.data.archive import FileTree
from fer_bench.data.class_choice import ALL_CLASSES, ClassChoice
from fer_bench.data.draft import Draft, ImageRecord, choose
from fer_bench.data.tables import header, rows
from fer_bench.errors import UserError

CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""What the numbers of the column emotion mean."""
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
COLUMNS = ("emotion", "pixels", "Usage")
SIDE = 48
SMALL = 20 * 10**6  # bytes, twice as many as CK+'s table has, and a fifteenth of FER-2013's


def table_records(tree: FileTree, table: str, order: Sequence[str] = CSV_ORDER) -> list[ImageRecord]:
    """A record for each row, with the ids "row 1", ...; without a column Usage, all are of train.

    `order` is what the numbers of the column emotion mean. Raises UserError, naming the row, for wrong
    columns, labels and usages.
    """
    source = tree.source(table)
    wanted = (
        COLUMNS if "Usage" in header(tree, table) or "emotion" not in header(tree, table) else COLUMNS[:2]
    )
    return [
        ImageRecord(f"row {number}", _label(source, number, row, order), _subset(source, number, row))
        for number, row in rows(tree, table, wanted)
    ]


def table_draft(
    tree: FileTree,
    table: str,
    records: Sequence[ImageRecord],
    classes: Sequence[str],
    choice: ClassChoice = ALL_CLASSES,
) -> Draft:
    """Draft of the rows of a table that `records` are of, whose pixels are read when it is saved.

    `classes` are those of the records, in the order of their votes; `choice` says which of them to keep.
    Raises UserError as ClassChoice.apply does.
    """
    chosen = choose(records, classes, choice)
    kept = [record for record in chosen.records if record is not None]
    ids = frozenset(record.id for record in kept)
    return Draft(
        classes=chosen.classes,
        shape=(SIDE, SIDE, 1),
        records=kept,
        pixels=lambda: _kept_pixels(tree, table, ids),
        source=tree.source(table),
        remarks=chosen.remarks,
    )


def _kept_pixels(tree: FileTree, table: str, kept: Container[str]) -> Iterator[np.ndarray]:
    """Pixels (48, 48, 1) uint8 of each row whose id is `kept`; UserError names a wrong row."""
    source = tree.source(table)
    for number, row in rows(tree, table, COLUMNS[:2]):
        if f"row {number}" in kept:
            yield _pixels(source, number, row["pixels"])


def usage_subset(source: str, number: int, usage: str) -> str:
    """The subset that a Usage means; UserError for any other word."""
    if usage.strip() not in USAGES:
        raise UserError(f"{source}, row {number}: Usage {usage.strip()[:80]!r}, expected {', '.join(USAGES)}")
    return USAGES[usage.strip()]


def is_ck_plus(tree: FileTree, table: str) -> bool:
    """Whether a table is CK+'s, not FER-2013's: by its name, or in a small one by a label 7, contempt."""
    if PurePosixPath(table).name.lower().startswith("ck"):
        return True
    try:
        return tree.sizes[table] < SMALL and any(
            row["emotion"].strip() == "7" for _, row in rows(tree, table, COLUMNS[:2])
        )
    except UserError:
        return False


def _label(source: str, number: int, row: dict[str, str], order: Sequence[str]) -> str:
    text = row["emotion"].strip()
    if text not in map(str, range(len(order))):
        raise UserError(f"{source}, row {number}: emotion {text[:80]!r}, expected 0 to {len(order) - 1}")
    return order[int(text)]


def _subset(source: str, number: int, row: dict[str, str]) -> str:
    return usage_subset(source, number, row["Usage"]) if "Usage" in row else "train"


def _pixels(source: str, number: int, text: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # older NumPy only warns of other text
            values = np.fromstring(text, dtype=np.int64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise UserError(f"{source}, row {number}: pixels are not whole numbers throughout") from error
    if len(values) != SIDE * SIDE:
        raise UserError(f"{source}, row {number}: {len(values):,} pixels, expected {SIDE * SIDE:,} numbers")
    if values.min() < 0 or values.max() > 255:
        raise UserError(
            f"{source}, row {number}: pixel values {values.min()} to {values.max()}, expected 0 to 255"
        )
    return values.astype(np.uint8).reshape(SIDE, SIDE, 1)
