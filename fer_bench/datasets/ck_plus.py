"""CK+: 327 posed sequences of 118 people, from a neutral face to one of seven expressions; no split.

P. Lucey et al.: The Extended Cohn-Kanade Dataset (CK+): A complete dataset for action unit and
emotion-specified expression, CVPR Workshops 2010, https://doi.org/10.1109/CVPRW.2010.5543262.

Certain, as many public loaders read them: the official tree and its numbers, and the copy of 981 cut faces in
class folders. From memory: that the first frame of a sequence is taken for neutral, the last three for its
expression, is the custom of most publications, and not part of the data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import IMAGE_SUFFIXES, FileAlone, FileTree, image_places, printable
from fer_bench.data.class_names import class_name
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.data.listing import classes_of
from fer_bench.data.pixel_tables import CSV_ORDER, SIDE, is_ck_plus, table_draft, table_records
from fer_bench.data.tables import header, lines
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

FRAME = re.compile(r"(S\d{3})_\d{3}_\d{8}\b")  # person, sequence and frame begin the name of every image
EMOTION = re.compile(r"S\d{3}_\d{3}_\d{8}_emotion\.txt")
IMAGES = "cohn-kanade-images"
OFFICIAL = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # by number
TABLE_ORDER = (*CSV_ORDER, "contempt")  # by the numbers of the table of 48x48 pixels
LONGEST = 100  # bytes of a file with one number
LAST = 3  # frames of a sequence that show its expression
POSED = "posed in a laboratory, and without a split of its own"
PEOPLE = (
    f"{POSED}: the split random_80_10_10 keeps all frames of a person on one side, and scores are below "
    "those of splits that don't"
)
NO_PEOPLE = (
    f"{POSED}: this table doesn't say who is who, so a split keeps near-duplicates on one side, but not all "
    "frames of a sequence or a person, and scores are too high; the names of the image files say it"
)
CUSTOM = (
    "the last three frames of each labelled sequence have its expression, the first is neutral: the custom "
    "of publications, not part of the data; pictures are whole frames, not cut to the face"
)


@DATASETS.register("ck-plus")
class CKPlus(Imported):
    """Imported from the official tree, the 981 cut faces in class folders, or their table."""

    name = "ck-plus"
    title = "CK+, 327 posed sequences of 118 people, no split"
    licence = "for research only, by agreement with its authors"
    how = "fer-bench data import ck-plus PATH (the official tree, class folders or a csv of 48x48 pixels)"
    forms = "CK+'s cohn-kanade-images and Emotion, its class folders, or its csv (ckextended.csv)"
    options = ("classes", "size")

    def recognise(self, tree: FileTree) -> str:
        """By the names of its files, S005_001_00000011; a table by its name or by a label 7, contempt."""
        if _emotions(tree):
            return "CK+, the official tree"
        if 2 * len(_frames(tree)) > sum(map(_is_image, tree.sizes)):
            return "CK+, class folders"
        return f"CK+'s table, {tree.source(table)}" if (table := _table(tree)) else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Tell the three forms apart by their content.

        Raises UserError, naming file or row, for a label out of range, and for other files.
        """
        if isinstance(tree, FileAlone):
            return _read_table(tree, tree.path.name, options)
        if emotions := _emotions(tree):
            return _read_official(tree, emotions, options, track)
        if _frames(tree):
            return _read_folders(tree, options, track)
        if table := _table(tree):
            return _read_table(tree, table, options)
        raise UserError(f"{tree.path} isn't CK+: expected {self.forms}")


def _emotions(tree: FileTree) -> list[str]:
    """Annotation files of the official tree."""
    return [name for name in tree.sizes if EMOTION.fullmatch(name.rpartition("/")[2])]


def _frames(tree: FileTree) -> list[str]:
    """Image files that are called like a frame of CK+."""
    return [n for n in tree.sizes if FRAME.match(n.rpartition("/")[2]) and _is_image(n)]


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _table(tree: FileTree) -> str:
    """Name of CK+'s table; "" where there is none."""
    tables = (name for name in sorted(tree.sizes) if name.lower().endswith(".csv"))
    return next((t for t in tables if "pixels" in header(tree, t) and is_ck_plus(tree, t)), "")


def _read_official(tree: FileTree, emotions: list[str], options: ImportOptions, track: Track) -> Draft:
    """Draft of the frames of labelled sequences that show what their label says, or nothing."""
    sequences: dict[tuple[str, str], list[str]] = defaultdict(list)
    frames = _frames(tree)
    official = [name for name in frames if IMAGES in name.split("/")]
    for name in sorted(official or frames, key=lambda name: PurePosixPath(name).stem):
        sequences[_sequence(name)].append(name)
    if not sequences:
        raise UserError(f"{tree.path}: no images; expected {IMAGES} beside Emotion in one folder")
    listed: list[ListedImage] = []
    skipped: list[str] = []
    for file in sorted(emotions):
        label, (first, *others) = _label(tree, file), sequences.pop(_sequence(file), [""])
        if len(others) < LAST:
            skipped.append(f"{PurePosixPath(file).name}: fewer than {LAST + 1} frames of its sequence")
            continue
        listed += [_frame(first, "neutral"), *(_frame(name, label) for name in others[-LAST:])]
    draft = listed_draft(tree, listed, classes_of(listed), options.classes, size=options.size, track=track)
    unlabelled = (f"{len(sequences):,} sequences without a label are left out",) if sequences else ()
    return replace(
        draft,
        skipped=(*skipped, *draft.skipped),
        notes=(PEOPLE, CUSTOM),
        remarks=unlabelled + draft.remarks,
    )


def _sequence(name: str) -> tuple[str, str]:
    """Person and sequence of a file."""
    person, sequence, *_ = PurePosixPath(name).name.split("_")
    return person, sequence


def _frame(name: str, label: str) -> ListedImage:
    path = PurePosixPath(name)
    return ListedImage(name, ImageRecord(path.stem, label, "none", group=_sequence(name)[0]))


def _label(tree: FileTree, file: str) -> str:
    """Class that an annotation file names by a number such as `   3.0000000e+00`."""
    text = [line for _, line in lines(tree, file)] if tree.sizes[file] <= LONGEST else ["..."]
    for number, label in enumerate(OFFICIAL):
        if len(text) == 1 and re.fullmatch(rf"{number}(\.0+)?(e\+?0+)?", text[0]):
            return label
    raise UserError(f"{tree.source(file)}: {' '.join(text)[:40]!r}, expected one number, 0 to 7")


def _read_folders(tree: FileTree, options: ImportOptions, track: Track) -> Draft:
    """Draft of a copy in class folders, whose file names say who is who; a split of the copy's is ignored."""
    listed = []
    for name, place in image_places(tree).items():
        label = class_name(place.folder)
        if label not in OFFICIAL:
            raise UserError(
                f"folder {printable(place.folder)!r} is none of CK+'s classes: {', '.join(OFFICIAL)}"
            )
        shown = printable("/".join(name.split("/")[len(place.wrapper) :]))
        match = FRAME.match(place.file)
        listed.append(ListedImage(name, ImageRecord(shown, label, "none", group=match[1] if match else "")))
    draft = listed_draft(tree, listed, classes_of(listed), options.classes, size=options.size, track=track)
    return replace(draft, notes=(PEOPLE,))


def _read_table(tree: FileTree, table: str, options: ImportOptions) -> Draft:
    """Draft of a table of 48x48 pixels; its Usage parts the frames of sequences, and is ignored."""
    if options.size is not None:
        raise UserError(f"--size {options.size} is for image files: CK+'s table has {SIDE}x{SIDE} pixels")
    records = [replace(record, subset="none") for record in table_records(tree, table, TABLE_ORDER)]
    labels = {record.label for record in records}
    found = [name for name in TABLE_ORDER if name in labels]
    return replace(table_draft(tree, table, records, found, options.classes), notes=(NO_PEOPLE,))
