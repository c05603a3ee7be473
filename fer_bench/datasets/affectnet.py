"""AffectNet: about 290,000 faces from the web in eight classes, 36 happy ones to one of contempt.

A. Mollahosseini et al.: AffectNet: A database for facial expression, valence, and arousal computing in the
wild, IEEE Transactions on Affective Computing 2019, https://arxiv.org/abs/1708.03985.

Certain, as many public loaders read them: names and columns of the lists of 2017, the numbers of the
expressions, and `train_set/images/N.jpg` with `train_set/annotations/N_exp.npy` of the later release. From
memory: that the annotations of the later release are text in some copies and numbers in others (both are
read). Its images are cut already; those of 2017 are cut here, to the box in the list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import SUBSET_FOLDERS, FileAlone, FileTree, image_places, printable
from fer_bench.data.class_folders import draft_images
from fer_bench.data.class_names import class_name
from fer_bench.data.decode import reason
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.data.listing import Listing, classes_of
from fer_bench.data.npy_numbers import whole_number
from fer_bench.data.tables import header, rows
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

EXPRESSIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")  # by number
NO_EXPRESSION = ("none", "uncertain", "non-face")  # the numbers that follow
TABLES = {"training.csv": "train", "validation.csv": "val"}
COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression")
LABEL = "_exp.npy"
FORMS = (
    "training.csv and validation.csv with Manually_Annotated_Images, or train_set and val_set with images "
    "and annotations, or train and val with folders 0 to 7"
)
NO_TEST = (
    "AffectNet's own test images are not handed out: its validation images are test here, as in "
    "publications, and the split union takes a tenth of train to select on"
)

OTHER_SPLIT = "a split of this copy's own: AffectNet has no test images beside those for validation"


@DATASETS.register("affectnet")
class AffectNet(Imported):
    """Imported from the lists of 2017, the later release with .npy files, or class folders 0 to 7."""

    name = "affectnet"
    title = "AffectNet, about 290,000 faces from the web, eight expressions"
    licence = "for research only, by agreement with its authors; the photographs are from the web"
    how = "fer-bench data import affectnet PATH (folder or zip, from the authors on request)"
    forms = "AffectNet's training.csv and validation.csv with their images, or its train_set and val_set"
    options = ("classes", "size")

    def recognise(self, tree: FileTree) -> str:
        """By the columns of its lists, or by its annotation files; class folders 0..7 could be any set's."""
        if tables := _tables(tree):
            return f"AffectNet's lists of 2017, {' and '.join(PurePosixPath(t).name for t in tables)}"
        return "AffectNet, images and .npy annotations" if any(map(_is_annotation, tree.sizes)) else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Tell the three forms apart by their content.

        Images without an expression are left out. Raises UserError, naming row or file, for a label out of
        range, and for other files.
        """
        if tables := _tables(tree):
            draft = _read_tables(tree, tables, options, track)
        elif any(map(_is_annotation, tree.sizes)):
            draft = _read_annotations(tree, options, track)
        elif isinstance(tree, FileAlone):
            raise UserError(f"{tree.path} isn't AffectNet: expected {FORMS}")
        else:
            draft = _read_folders(tree, options, track)
        return _with_test(draft)


def _tables(tree: FileTree) -> list[str]:
    """Names of the lists of 2017, by name and columns."""
    named = (name for name in sorted(tree.sizes) if PurePosixPath(name).name.lower() in TABLES)
    return [name for name in named if {COLUMNS[0], COLUMNS[-1]} <= set(header(tree, name))]


def _is_annotation(name: str) -> bool:
    return name.endswith(LABEL) and "/annotations/" in f"/{name}"


def _read_tables(tree: FileTree, tables: list[str], options: ImportOptions, track: Track) -> Draft:
    """Draft of the images in the lists of 2017, each cut to the box of its face."""
    listing, dropped = Listing(tree, 2, "Manually_Annotated_Images"), Counter[str]()
    for table in tables:
        subset = TABLES[PurePosixPath(table).name.lower()]
        for number, row in rows(tree, table, COLUMNS):
            where = f"{tree.source(table)}, row {number}"
            label = _expression(where, row["expression"])
            if label in NO_EXPRESSION:
                dropped[label] += 1
                continue
            file, *box = (row[column].strip() for column in COLUMNS[:-1])
            record = ImageRecord(printable(file), label, subset)
            listing.add(where, file, record, box, sized=True)
    return _remarked(listing.draft(options, track), dropped)


def _read_annotations(tree: FileTree, options: ImportOptions, track: Track) -> Draft:
    """Draft of the images in the folders beside `annotations`."""
    listed, skipped, dropped = [], [], Counter[str]()
    annotations = [name for name in tree.sizes if _is_annotation(name)]
    for name in track(annotations, len(annotations)):
        folder, _, stem = name.removesuffix(LABEL).rpartition("/annotations/")
        image = f"{folder}/images/{stem}.jpg".lstrip("/")
        shown = printable(f"{PurePosixPath(folder).name}/{stem}")
        try:
            number = whole_number(tree, name)
        except Exception as error:  # a broken member of a zip raises nearly anything
            skipped.append(f"{shown}: its annotation can't be used ({reason(error)})")
            continue
        label = _expression(tree.source(name), str(number))
        if label in NO_EXPRESSION:
            dropped[label] += 1
            continue
        listed.append(ListedImage(image, ImageRecord(shown, label, _subset_of(folder))))
    skipped += _without_annotation(tree, set(annotations))
    draft = listed_draft(tree, listed, classes_of(listed), options.classes, size=options.size, track=track)
    return _remarked(replace(draft, skipped=(*skipped, *draft.skipped)), dropped)


def _without_annotation(tree: FileTree, annotations: set[str]) -> list[str]:
    """Lines for images in the folders of the .npy release that nothing is said of."""
    lost = []
    for name in tree.sizes:
        folder, images, file = name.rpartition("images/")
        if images and "/" not in file and file.endswith(".jpg"):
            annotation = f"{folder}annotations/{file.removesuffix('.jpg')}{LABEL}"
            if annotation not in annotations:
                shown = f"{PurePosixPath(folder).name}/{file.removesuffix('.jpg')}"
                lost.append(printable(f"{shown}: no annotation, {PurePosixPath(annotation).name}"))
    return lost


def _read_folders(tree: FileTree, options: ImportOptions, track: Track) -> Draft:
    """Draft of a copy in class folders, which have a number or a name."""
    places = image_places(tree)
    labels = {name: _class_of(place.folder) for name, place in places.items()}
    return draft_images(tree, places, labels, options.classes, size=options.size, track=track)


def _class_of(folder: str) -> str:
    numbered = dict(zip(map(str, range(len(EXPRESSIONS))), EXPRESSIONS, strict=True))
    name = numbered.get(folder.strip()) or class_name(folder)
    if name not in EXPRESSIONS:
        raise UserError(
            f"folder {printable(folder)!r} is none of AffectNet's classes, 0 to 7 or "
            f"{', '.join(EXPRESSIONS)}; expected {FORMS}"
        )
    return name


def _expression(where: str, number: str) -> str:
    """Name of an expression, or of what is none; UserError for a number out of range."""
    names = EXPRESSIONS + NO_EXPRESSION
    if number.strip() not in map(str, range(len(names))):
        raise UserError(f"{where}: expression {number[:20]!r}, expected 0 to {len(names) - 1}")
    return names[int(number)]


def _subset_of(folder: str) -> str:
    """Subset of images in `train_set`, `val_set` or a folder within."""
    words = (part.lower().removesuffix("_set") for part in reversed(folder.split("/")))
    return next((SUBSET_FOLDERS[word] for word in words if word in SUBSET_FOLDERS), "none")


def _remarked(draft: Draft, dropped: Counter[str]) -> Draft:
    """With a line on the images that have no expression."""
    if not dropped:
        return draft
    counts = ", ".join(f"{dropped[name]:,} {name}" for name in NO_EXPRESSION if dropped[name])
    return replace(draft, remarks=(f"left out, without an expression: {counts}", *draft.remarks))


def _with_test(draft: Draft) -> Draft:
    """With the validation images as test images, where there are none of these."""
    subsets = {record.subset for record in draft.records}
    if "val" not in subsets:
        return draft
    if "test" in subsets:
        return replace(draft, notes=(OTHER_SPLIT,))
    records = [replace(r, subset="test") if r.subset == "val" else r for r in draft.records]
    return replace(draft, records=records, notes=(NO_TEST,))
