"""RAF-DB: 15,339 faces from the web in seven basic expressions, each the answer of about forty people.

S. Li, W. Deng, J. Du: Reliable crowdsourcing and deep locality-preserving learning for expression recognition
in the wild, CVPR 2017. http://whdeng.cn/RAF/model1.html. It has no validation images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath

from fer_bench.data.archive import IMAGE_SUFFIXES, FileTree, Place, image_places, printable
from fer_bench.data.class_folders import draft_images
from fer_bench.data.class_names import COMMON, class_name
from fer_bench.data.decode import Box
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.data.listing import four_numbers
from fer_bench.data.tables import header, lines, rows
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

NUMBERS = dict(
    zip("1234567", ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), strict=True)
)
LIST = re.compile(r"list_par?tition_label\.txt")  # the authors' spelling is list_patition_label.txt
IMAGE = re.compile(r"(train|test)_\d{4,5}(_aligned)?\.(jpg|jpeg|png)", re.IGNORECASE)
TABLES = ("train_labels.csv", "test_labels.csv")
ATTRIBUTES = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""Names of the values by their numbers, in the order of the lines of an attribute file."""
MOVED = "images lie in another subset than their names say: this is not RAF-DB's own division"


@DATASETS.register("raf-db")
class RafDb(Imported):
    """The authors' folders, with attributes where they are there, or Kaggle's."""

    name = "raf-db"
    title = "RAF-DB, 15,339 faces from the web, without validation images"
    licence = (
        "for non-commercial research only, by agreement with its authors; the photographs are from the web"
    )
    how = "fer-bench data import raf-db PATH (the authors' folder basic/, or Kaggle's zip)"
    forms = "RAF-DB's basic/EmoLabel and basic/Image, or Kaggle's DATASET/train/1"
    options = ("classes", "size")

    def recognise(self, tree: FileTree) -> str:
        """By the authors' list, by the names of the images, or by Kaggle's numbered folders in DATASET."""
        if _list(tree):
            return "RAF-DB, the authors' layout"
        images = [parts for parts in map(_parts, tree.sizes) if _ending(parts[-1]) in IMAGE_SUFFIXES]
        known = sum(IMAGE.fullmatch(parts[-1]) is not None for parts in images)
        numbered = {tuple(parts[-3:-1]) for parts in images if parts[-4:-3] == ["DATASET"]}
        kaggle = numbered == {(subset, number) for subset in ("train", "test") for number in NUMBERS}
        return "RAF-DB, Kaggle's layout" if images and (kaggle or known > 0.9 * len(images)) else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Read the authors' list, else class folders, else Kaggle's tables; UserError for anything else."""
        if listed := _list(tree):
            return _official(tree, listed, options, track)
        if _in_class_folders(tree):
            return _folders(tree, options, track)
        if tables := sorted(name for name in tree.sizes if PurePosixPath(name).name in TABLES):
            return _tabled(tree, tables, options, track)
        raise UserError(
            f"{tree.path} has no labels of RAF-DB: expected EmoLabel/list_patition_label.txt, class folders "
            f"1 to 7, or {' and '.join(TABLES)}"
        )


def _list(tree: FileTree) -> str:
    return min((name for name in tree.sizes if LIST.fullmatch(_parts(name)[-1])), default="")


def _parts(path: str) -> list[str]:
    return path.split("/")


def _ending(name: str) -> str:
    return name[name.rfind(".") :].lower()


def _in_class_folders(tree: FileTree) -> bool:
    """Whether some image lies in a folder that is called like a class."""
    paths = map(_parts, tree.sizes)
    folders = {parts[-2] for parts in paths if len(parts) > 1 and _ending(parts[-1]) in IMAGE_SUFFIXES}
    return any(folder in NUMBERS or class_name(folder) in COMMON for folder in folders)


def _official(tree: FileTree, path: str, options: ImportOptions, track: Track) -> Draft:
    """Draft of the images of the authors' list: the aligned ones, else the original ones cut to the faces."""
    files = _by_name(tree)
    aligned = any(name.endswith("_aligned.jpg") for name in files)
    if not aligned and (packed := [n for n in tree.sizes if PurePosixPath(n).name == "aligned.zip"]):
        raise UserError(f"{tree.source(packed[0])} is still packed: unpack it beside, then import again")
    attributes = tuple(ATTRIBUTES) if any(name.endswith("_manu_attri.txt") for name in files) else ()
    listed, skipped = [], []
    for number, line in lines(tree, path):
        name, label = _labelled(f"{tree.source(path)}, line {number}", line.split())
        stem = PurePosixPath(name).stem
        record = ImageRecord(printable(name), label, _subset(name))
        if attributes:
            record = replace(record, attributes=_attributes(tree, files.get(f"{stem}_manu_attri.txt", "")))
        file = f"{stem}_aligned.jpg" if aligned else name
        box = None if aligned else _box(tree, files.get(f"{stem}_boundingbox.txt", ""))
        if aligned or box:
            listed.append(ListedImage(files.get(file, file), record, box))
        else:
            skipped.append(f"{record.id}: no box of its face in {stem}_boundingbox.txt"[:200])
    if not listed and not skipped:
        raise UserError(f"{tree.source(path)} names no images: expected lines such as train_00001.jpg 5")
    if not listed:
        raise UserError(
            f"{tree.path}: no image of {PurePosixPath(path).name} has a box: expected aligned images, or "
            "Annotation/boundingbox beside the original ones"
        )
    draft = listed_draft(tree, listed, COMMON, options.classes, size=options.size, track=track)
    remarks = (f"attributes: {', '.join(attributes)}",) if attributes else ()
    skipped = [*draft.skipped, *skipped]
    return replace(draft, attributes=attributes, skipped=tuple(skipped), remarks=draft.remarks + remarks)


def _tabled(tree: FileTree, tables: list[str], options: ImportOptions, track: Track) -> Draft:
    """Draft of the images that Kaggle's tables name."""
    files, listed = _by_name(tree), []
    for table in tables:
        column = "image_name" if "image_name" in header(tree, table) else "image"
        for number, row in rows(tree, table, (column, "label")):
            words = [row[column].strip(), row["label"].strip()]
            name, label = _labelled(f"{tree.source(table)}, row {number}", words)
            listed.append(
                ListedImage(files.get(name, name), ImageRecord(printable(name), label, _subset(name)))
            )
    return listed_draft(tree, listed, COMMON, options.classes, size=options.size, track=track)


def _folders(tree: FileTree, options: ImportOptions, track: Track) -> Draft:
    """Draft of class folders: 1 to 7, as RAF-DB numbers its classes, or words."""
    places = {
        name: place if place.subset != "none" else replace(place, subset=_subset(place.file))
        for name, place in image_places(tree).items()
    }
    labels = {name: _folder_class(tree, place.folder) for name, place in places.items()}
    draft = draft_images(tree, places, labels, options.classes, size=options.size, track=track)
    moved = _moved(places)
    return replace(draft, notes=(f"{moved:,} {MOVED}",) if moved else ())


def _moved(places: Mapping[str, Place]) -> int:
    """How many test images are used otherwise, and others as test images."""
    named = [place for place in places.values() if IMAGE.fullmatch(place.file)]
    return sum((_subset(place.file) == "test") != (place.subset == "test") for place in named)


def _folder_class(tree: FileTree, folder: str) -> str:
    name = NUMBERS.get(folder, class_name(folder))
    if name not in COMMON:
        raise UserError(
            f"{tree.path}: folder {printable(folder)!r} is none of RAF-DB's classes, 1 to 7 or their names; "
            'otherwise numbered: fer-bench data import folder PATH --name NAME --classes "0=surprise,..."'
        )
    return name


def _labelled(where: str, words: list[str]) -> tuple[str, str]:
    """Name and class of a row; UserError for another number of words, another name and another label."""
    if len(words) != 2 or not IMAGE.fullmatch(words[0]) or words[1] not in NUMBERS:
        raise UserError(
            f"{where}: {' '.join(words)[:80]!r}, expected a name such as train_00001.jpg, and a label, 1 to 7"
        )
    return words[0], NUMBERS[words[1]]


def _subset(name: str) -> str:
    return "test" if name.lower().startswith("test_") else "train"


def _by_name(tree: FileTree) -> dict[str, str]:
    """Path of each file by its name alone; of two, of the one that lies less deep."""
    paths = sorted(tree.sizes, key=lambda path: (path.count("/"), path), reverse=True)
    return {PurePosixPath(path).name: path for path in paths}


def _attributes(tree: FileTree, path: str) -> tuple[str, ...]:
    """Gender, race and age from an attribute file, behind five landmarks; "" where it doesn't say."""
    numbers = [line for _, line in islice(lines(tree, path), 5, 8)] if path else []
    values = zip(ATTRIBUTES.values(), numbers + [""] * 3, strict=False)
    return tuple(dict(zip("01234", names, strict=False)).get(number, "") for names, number in values)


def _box(tree: FileTree, path: str) -> Box | None:
    """Left, top, right and bottom from a box file; None where it doesn't say."""
    words = " ".join(line for _, line in islice(lines(tree, path), 4)).split() if path else []
    try:
        left, top, right, bottom = four_numbers(words)
    except ValueError:
        return None
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
