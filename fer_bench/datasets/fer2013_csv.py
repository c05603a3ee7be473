"""FER-2013 as a table: `fer2013.csv` and `icml_face_data.csv`, one image a row as 2,304 numbers."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np

from fer_bench.datasets.store import Draft, Record
from fer_bench.errors import UserError

ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
SIDE = 48
LONGEST_LINE = 200_000  # characters, twenty times a row's: more than csv takes for one field


def read(open_file: Callable[[], IO[bytes]], source: str, classes: tuple[str, ...]) -> Draft:
    """Look through the labels of a table; pixels are read when the draft is saved.

    Raises UserError, naming the row, for wrong columns, labels, usages or pixels. Row 1 is the first image.
    """
    records = [
        Record(f"row {number}", _label(source, number, row), _subset(source, number, row))
        for number, row in _rows(open_file, source)
    ]
    return Draft(classes, (SIDE, SIDE, 1), records, lambda: _pixels(open_file, source), source)


def _rows(open_file: Callable[[], IO[bytes]], source: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows, numbered from 1, by column name without the spaces around it."""
    number = 0
    try:
        with open_file() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            table = csv.DictReader(iter(lambda: text.readline(LONGEST_LINE), ""))
            table.fieldnames = [name.strip() for name in table.fieldnames or ()]
            if missing := {"emotion", "pixels", "Usage"} - set(table.fieldnames):
                raise UserError(
                    f"{source} has the columns {', '.join(table.fieldnames) or 'none'}: expected emotion, "
                    f"pixels and Usage; {', '.join(sorted(missing))} not found"
                )
            for number, row in enumerate(table, start=1):
                yield number, row
    except UserError:
        raise
    except Exception as error:  # a broken member of a zip raises nearly anything
        raise UserError(f"{source} can't be read as a csv table after row {number}: {error}") from error


def _label(source: str, number: int, row: dict[str, str]) -> str:
    text = (row["emotion"] or "").strip()
    if text not in map(str, range(len(ORDER))):
        raise UserError(f"{source}, row {number}: emotion {text!r}, expected 0 to {len(ORDER) - 1}")
    return ORDER[int(text)]


def _subset(source: str, number: int, row: dict[str, str]) -> str:
    usage = (row["Usage"] or "").strip()
    if usage not in USAGES:
        raise UserError(f"{source}, row {number}: Usage {usage!r}, expected {', '.join(USAGES)}")
    return USAGES[usage]


def _pixels(open_file: Callable[[], IO[bytes]], source: str) -> Iterator[np.ndarray]:
    for number, row in _rows(open_file, source):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # older NumPy only warns of other text
                values = np.fromstring(row["pixels"] or "", dtype=np.int64, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise UserError(f"{source}, row {number}: pixels are not whole numbers throughout") from error
        if len(values) != SIDE * SIDE:
            raise UserError(
                f"{source}, row {number}: {len(values):,} pixels, expected {SIDE * SIDE:,} numbers"
            )
        if values.min() < 0 or values.max() > 255:
            found = f"{values.min()} to {values.max()}"
            raise UserError(f"{source}, row {number}: pixel values {found}, expected 0 to 255")
        yield values.astype(np.uint8).reshape(SIDE, SIDE, 1)
