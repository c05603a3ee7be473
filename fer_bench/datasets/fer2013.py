"""FER-2013: 35,887 grey faces of 48x48 pixels in seven classes, 16.5 happy ones to one of disgust.

I. J. Goodfellow et al.: Challenges in Representation Learning: A report on three machine learning contests,
https://arxiv.org/abs/1307.0414. Its four common forms are told apart by their content; classes are matched
by name, because fer2013.csv doesn't number them in alphabetical order.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from fer_bench.data.archive import IMAGE_SUFFIXES, FileTree, image_places, open_tree, printable
from fer_bench.data.cache import Draft, ImageRecord, Track, quiet
from fer_bench.data.class_folders import draft_images
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # of fer2013.csv's numbers
SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
USAGES = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
SIDE = 48
LONGEST_LINE = 200_000  # characters, twenty times a row's: more than csv takes for one field
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

    def read(self, path: Path, track: Track = quiet) -> Draft:
        """Tell the four forms apart by their content; UserError for anything else."""
        if path.suffix.lower() == ".csv" and path.is_file():
            return _read_csv(lambda: path.open("rb"), printable(path.name))
        tree = open_tree(path)
        images = any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in tree.sizes)
        tables = [n for n in tree.sizes if PurePosixPath(n).name in ("fer2013.csv", "icml_face_data.csv")]
        if tables and not images:
            source = printable(f"{path.name}: {tables[0]}")
            return _read_csv(lambda: tree.open(tables[0]), source)
        return _read_images(tree, track)


def class_name(folder: str) -> str:
    """Class of a folder such as `angry`, `Happiness` or `0 angry`; UserError for any other."""
    word = re.sub(r"^\d+[\s_-]+", "", folder.strip()).lower()
    name = SYNONYMS.get(word, word)
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
    labels = {name: class_name(place.folder) for name, place in places.items()}
    draft = draft_images(tree, places, labels, size=SIDE, grey=True, track=track)
    has_val = any(place.subset == "val" for place in places.values())
    return replace(draft, classes=CLASSES, notes=() if has_val else (SPLIT_UNKNOWN,))


def _read_csv(open_file: Callable[[], IO[bytes]], source: str) -> Draft:
    """Draft of a table with the columns emotion, pixels and Usage; pixels are read when it is saved.

    Raises UserError, naming the row, for wrong columns, labels, usages or pixels. Row 1 is the first image.
    """
    records = [
        ImageRecord(f"row {number}", _label(source, number, row), _subset(source, number, row))
        for number, row in _rows(open_file, source)
    ]
    return Draft(CLASSES, (SIDE, SIDE, 1), records, lambda: _pixels(open_file, source), source)


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
    if text not in map(str, range(len(CSV_ORDER))):
        raise UserError(f"{source}, row {number}: emotion {text!r}, expected 0 to {len(CSV_ORDER) - 1}")
    return CSV_ORDER[int(text)]


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
            raise UserError(
                f"{source}, row {number}: pixel values {values.min()} to {values.max()}, expected 0 to 255"
            )
        yield values.astype(np.uint8).reshape(SIDE, SIDE, 1)
