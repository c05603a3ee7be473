"""Images of any set in Parquet files, as Hugging Face hands them out: one image and its label in a row.

Certain: `data/train-00000-of-00002.parquet` and the like name the split; an image is a structure of bytes and
path, in older files bytes; the schema's description has the names of the labels, where they were declared.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fer_bench.data.archive import SUBSET_FOLDERS, FileTree, printable
from fer_bench.data.class_choice import ClassChoice
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.images import SUBSETS
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.data.listing import classes_of
from fer_bench.data.parquet_rows import Column, ParquetRows, parquet_columns
from fer_bench.datasets.base import DATASETS, Dataset
from fer_bench.errors import UserError

SUFFIX = ".parquet"
LABELS = ("label", "labels")
MOST_CLASSES = 50
NO_LABEL = -1  # in test files whose labels are kept back


@DATASETS.register("parquet")
class Parquet(Dataset):
    """Parquet files with a column of images and one called label or labels."""

    title = "images in Parquet files, as Hugging Face hands them out"
    how = "fer-bench data import parquet PATH --name NAME"
    generic = True
    forms = "Hugging Face's Parquet files"
    options = ("classes", "size")

    def recognise(self, tree: FileTree) -> str:
        """By the ending of a file."""
        found = {_subset(name) for name in _files(tree)}
        subsets = ", ".join(subset for subset in SUBSETS[:3] if subset in found)
        return f"Parquet files: {subsets or 'without a split'}" if found else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Read the labels now, images a few at a time; rows without either are left out and named.

        Raises UserError for columns that hold no images or no classes, for numbers without a name, and for
        files that can't be read or differ in their columns.
        """
        files = _files(tree)
        if not files:
            raise UserError(f"{tree.path}: no file that ends in {SUFFIX}")
        subsets = _subsets(tree, files)
        image, label, about, total = _columns(tree, files)
        rows = ParquetRows(tree, image, about[image].kind == "image")
        named = ((file, *row) for file in files for row in rows.labels(file, label))
        listed, skipped = [], []
        for file, name, value in track(named, total):
            word = _class(tree.source(name), value, about[label].names)
            if not word or not rows.sizes[name]:
                skipped.append(printable(f"{name}: no {'image' if word else 'label'}"))
            else:
                listed.append(ListedImage(name, ImageRecord(printable(name), word, subsets[file])))
        classes = classes_of(listed)
        _check_classes(tree, classes, options.classes)
        draft = listed_draft(rows, listed, classes, options.classes, size=options.size, track=track)
        return replace(draft, skipped=(*skipped, *draft.skipped))


def _files(tree: FileTree) -> list[str]:
    return sorted(name for name in tree.sizes if name.lower().endswith(SUFFIX))


def _subset(name: str) -> str:
    """Subset that a file's name, or else the folder that it lies in, says: `train-00000-of-00001`."""
    words = re.split(r"[-_.]+", PurePosixPath(name).name.lower())
    words += [part.lower().removeprefix("partial-") for part in reversed(PurePosixPath(name).parts[:-1])]
    return next((SUBSET_FOLDERS[word] for word in words if word in SUBSET_FOLDERS), "none")


def _subsets(tree: FileTree, files: list[str]) -> dict[str, str]:
    """Subset of each file; UserError where some say it and others don't."""
    subsets = {file: _subset(file) for file in files}
    without = [file for file, subset in subsets.items() if subset == "none"]
    if without and len(without) < len(files):
        other = next(file for file in files if subsets[file] != "none")
        raise UserError(
            f"{tree.path}: {printable(other)} says which split it is, {printable(without[0])} doesn't: "
            "call it train, validation or test, or take it away"
        )
    return subsets


def _columns(tree: FileTree, files: list[str]) -> tuple[str, str, dict[str, Column], int]:
    """Names of the columns of images and labels, what all files say of them, and the number of rows."""
    chosen, total = ("", "", dict[str, Column]()), 0
    for file in files:
        columns, rows = parquet_columns(tree, file)
        image, label = _image_column(tree.source(file), columns), _label_column(tree.source(file), columns)
        mine = image, label, {name: columns[name] for name in (image, label)}
        if total and mine != chosen:
            raise UserError(
                f"{tree.source(file)}: its images or labels aren't of the form that {files[0]} has "
                f"({_listed(mine[2])}; {_listed(chosen[2])}): give the files of one data set"
            )
        chosen, total = mine, total + rows
    return *chosen, total


def _image_column(source: str, columns: dict[str, Column]) -> str:
    found = [name for name, column in columns.items() if column.kind in ("image", "bytes")]
    if len(found) == 1 or "image" in found:
        return "image" if "image" in found else found[0]
    raise UserError(
        f"{source} has {'several columns' if found else 'no column'} of images ({_listed(columns)}): "
        "expected one, called image, of bytes or of a structure with bytes"
    )


def _label_column(source: str, columns: dict[str, Column]) -> str:
    found = [name for name in LABELS if name in columns and columns[name].kind in ("number", "text")]
    if len(found) == 1:
        return found[0]
    raise UserError(
        f"{source} has no column of classes ({_listed(columns)}): expected one called label or labels, of "
        "whole numbers or words; sentences about images, made for language models, are not read"
    )


def _listed(columns: dict[str, Column]) -> str:
    about = (
        f"{name} {column.kind}" + (f" of {'/'.join(column.names)}" if column.names else "")
        for name, column in columns.items()
    )
    return printable(", ".join(about))[:300]


def _class(where: str, value: Any, names: tuple[str, ...]) -> str:
    """Name of the class that a label means, "" for none; UserError for a number out of range."""
    if value is None or value == NO_LABEL:
        return ""
    if isinstance(value, str) or not names:
        return str(value).strip()
    if not 0 <= value < len(names):
        raise UserError(f"{where}: label {value}, expected 0 to {len(names) - 1} ({', '.join(names)})")
    return names[value].strip()


def _check_classes(tree: FileTree, classes: tuple[str, ...], choice: ClassChoice) -> None:
    """Raise UserError for numbers that nobody says the meaning of, and for texts that are no classes."""
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{tree.path}: {len(classes):,} different labels, such as {printable(classes[0][:40])!r}: "
            f"expected names of classes, at most {MOST_CLASSES}; sentences about images are not read"
        )
    unnamed = [word for word in classes if re.fullmatch(r"-?\d+", word) and word not in choice.names]
    if unnamed:
        example = ",".join(f"{number}=..." for number in unnamed)
        raise UserError(
            f'{tree.path}: labels are numbers without names; say what they mean with --classes "{example}" '
            "(their order differs from one data set to the next)"
        )
