"""FER-2013: 35,887 grey faces of 48x48 pixels in seven classes, 16.5 happy ones to one of disgust.

I. J. Goodfellow et al.: Challenges in Representation Learning: A report on three machine learning contests,
https://arxiv.org/abs/1307.0414. Its four common forms are told apart by their content; classes are matched
by name, because fer2013.csv doesn't number them in alphabetical order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from fer_bench.data.archive import IMAGE_SUFFIXES, FileAlone, FileTree, image_places
from fer_bench.data.class_folders import draft_images
from fer_bench.data.class_names import COMMON, class_name
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.tables import header, rows
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

CLASSES = COMMON
CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # of fer2013.csv's numbers
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
COLUMNS = ("emotion", "pixels", "Usage")
SIDE = 48
SPLIT_UNKNOWN = (
    "official split not to be had: these file names don't tell PublicTest (val) from PrivateTest (test); "
    "scores are not comparable with those of the official split"
)


@DATASETS.register("fer2013")
class Fer2013(Imported):
    """Imported from Kaggle's zip or its folder, fer2013.csv, or icml_face_data.csv."""

    name = "fer2013"
    title = "FER-2013, 35,887 faces from the web"
    how = "fer-bench data download fer2013 (or data import fer2013 PATH: zip, folder or csv)"
    honest_ceiling = 0.77
    kaggle = "msambare/fer2013"
    forms = "fer2013.csv, icml_face_data.csv or Kaggle's archive of FER-2013"

    def recognise(self, tree: FileTree) -> str:
        """By its table's name or columns, or by file names that begin with a usage."""
        if (table := _table(tree)) and set(COLUMNS) <= set(header(tree, table)):
            return f"FER-2013's table, {tree.source(table)}"
        words = {PurePosixPath(name).name.split("_")[0].lower() for name in tree.sizes}
        return "FER-2013, Kaggle's image folders" if {"training", "privatetest"} <= words else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Tell the four forms apart by their content; UserError for anything else."""
        if table := _table(tree):
            return _read_csv(tree, table)
        return _read_images(tree, track)


def _table(tree: FileTree) -> str:
    """Name of the table of FER-2013 among files without images; "" where there is none."""
    if isinstance(tree, FileAlone):
        [table] = tree.sizes
        return table if tree.path.suffix.lower() == ".csv" else ""
    if any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in tree.sizes):
        return ""
    tables = (n for n in tree.sizes if PurePosixPath(n).name in ("fer2013.csv", "icml_face_data.csv"))
    return next(tables, "")


def class_of(folder: str) -> str:
    """Class of a folder such as `angry`, `Happiness` or `0 angry`; UserError for any other."""
    name = class_name(folder)
    if name not in CLASSES:
        raise UserError(
            f"folder {folder!r} is none of FER-2013's classes ({', '.join(CLASSES)}); for other data, or "
            'numbered folders: fer-bench data import folder PATH --name NAME [--classes "0=angry,..."]'
        )
    return name


def _read_images(tree: FileTree, track: Track) -> Draft:
    """Draft of image files, whose names tell their subset where they begin with a usage: Training_123.jpg."""
    prefixes = {usage.lower(): subset for usage, subset in USAGES.items()}
    places = {
        name: replace(place, subset=prefixes.get(place.file.split("_")[0].lower(), place.subset))
        for name, place in image_places(tree).items()
    }
    labels = {name: class_of(place.folder) for name, place in places.items()}
    draft = draft_images(tree, places, labels, size=SIDE, grey=True, track=track)
    has_val = any(place.subset == "val" for place in places.values())
    return replace(draft, classes=CLASSES, notes=() if has_val else (SPLIT_UNKNOWN,))


def _read_csv(tree: FileTree, table: str) -> Draft:
    """Draft of a table with the columns emotion, pixels and Usage; pixels are read when it is saved.

    Raises UserError, naming the row, for wrong columns, labels, usages or pixels. Row 1 is the first image.
    """
    source = tree.source(table)
    records = [
        ImageRecord(f"row {number}", _label(source, number, row), _subset(source, number, row))
        for number, row in rows(tree, table, COLUMNS)
    ]
    return Draft(CLASSES, (SIDE, SIDE, 1), records, lambda: _pixels(tree, table), source)


def _label(source: str, number: int, row: dict[str, str]) -> str:
    text = row["emotion"].strip()
    if text not in map(str, range(len(CSV_ORDER))):
        raise UserError(f"{source}, row {number}: emotion {text!r}, expected 0 to {len(CSV_ORDER) - 1}")
    return CSV_ORDER[int(text)]


def _subset(source: str, number: int, row: dict[str, str]) -> str:
    usage = row["Usage"].strip()
    if usage not in USAGES:
        raise UserError(f"{source}, row {number}: Usage {usage!r}, expected {', '.join(USAGES)}")
    return USAGES[usage]


def _pixels(tree: FileTree, table: str) -> Iterator[np.ndarray]:
    source = tree.source(table)
    for number, row in rows(tree, table, COLUMNS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # older NumPy only warns of other text
                values = np.fromstring(row["pixels"], dtype=np.int64, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise UserError(f"{source}, row {number}: pixels are not whole numbers throughout") from error
        if len(values) != SIDE * SIDE:
            raise UserError(
                f"{source}, row {number}: {len(values):,} pixels, expected {SIDE * SIDE:,} numbers"
            )
        if values.min() < 0 or values.max() > 255:
            raise UserError(
                f"{source}, row {number}: pixel values {values.min()} to {values.max()}, expected 0 to 255"
            )
        yield values.astype(np.uint8).reshape(SIDE, SIDE, 1)
