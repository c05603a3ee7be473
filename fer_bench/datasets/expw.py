"""ExpW: 91,793 faces from the web in FER-2013's seven classes, 32 neutral ones to one of fear; no split.

Z. Zhang et al.: From facial expression recognition to interpersonal relation prediction, IJCV 2018,
https://arxiv.org/abs/1609.06426. The columns of label.lst and the numbers of its classes are those of the
readme that comes with it, as several public loaders read them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import FileTree, printable
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listing import Listing
from fer_bench.data.tables import lines
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

LIST = "label.lst"
FIELDS = ("image", "face id", "top", "left", "right", "bottom", "confidence", "label")
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # by their numbers
NO_SPLIT = "ExpW has no split of its own: scores on a random one compare with others on the same one only"


@DATASETS.register("expw")
class ExpW(Imported):
    """Imported from its list and the pictures that it names, out of which the faces are cut."""

    name = "expw"
    title = "ExpW, 91,793 faces cut out of web pictures, no split"
    licence = "for non-commercial research only; the photographs are from the web"
    how = "fer-bench data import expw FOLDER (one with label.lst and the pictures, from the authors' page)"
    forms = "ExpW's label.lst and its pictures"
    options = ("classes", "size")

    def recognise(self, tree: FileTree) -> str:
        """By its list and the number of fields in its first line."""
        if not (table := _table(tree)):
            return ""
        try:
            _, line = next(lines(tree, table))
        except (UserError, StopIteration):
            return ""
        return f"ExpW's list, {tree.source(table)}" if len(line.split()) == len(FIELDS) else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Read the list; faces of any confidence are kept, and those of one picture are a group.

        Raises UserError, naming the line, for a wrong number of fields and for a label out of range.
        """
        if not (table := _table(tree)):
            raise UserError(f"{tree.path}: no {LIST}; expected it and the pictures that it names")
        listing = Listing(tree, 1, "origin")
        for number, line in lines(tree, table):
            _add(listing, f"{tree.source(table)}, line {number}", line)
        return replace(listing.draft(options, track), notes=(NO_SPLIT,))


def _table(tree: FileTree) -> str:
    """Name of the list; "" where there is none."""
    return next((name for name in sorted(tree.sizes) if PurePosixPath(name).name == LIST), "")


def _add(listing: Listing, where: str, line: str) -> None:
    """Add the face of a line."""
    fields = line.rsplit(maxsplit=len(FIELDS) - 1)
    if len(fields) != len(FIELDS):
        raise UserError(
            f"{where}: {len(fields)} fields, expected {len(FIELDS)} ({', '.join(FIELDS)}) with spaces between"
        )
    image, face, top, left, right, bottom, _, number = fields
    if number not in map(str, range(len(CLASSES))):
        raise UserError(f"{where}: label {number[:20]!r}, expected 0 to {len(CLASSES) - 1}")
    record = ImageRecord(printable(f"{image}#{face}"), CLASSES[int(number)], "none", group=image)
    listing.add(where, image, record, (left, top, right, bottom))
