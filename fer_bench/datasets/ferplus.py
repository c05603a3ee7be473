"""FERPlus: ten people's votes on each image of FER-2013, in eight classes; most of its labels change.

E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang: Training deep networks for facial expression recognition
with crowd-sourced label distribution, ICMI 2016. https://arxiv.org/abs/1608.01041. The votes,
fer2013new.csv, come without images: its rows are those of fer2013.csv, in their order. (The numbers in its
image names are not the numbers of the rows.)
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from fer_bench.data.archive import FileTree, printable
from fer_bench.data.class_names import class_name
from fer_bench.data.draft import NO_OPTIONS, Draft, ImageRecord, ImportOptions, Track, quiet
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.data.pixel_tables import SIDE, table_draft, table_records, usage_subset
from fer_bench.data.tables import lines, rows
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.datasets.fer2013 import VOTES, file_named, find_table
from fer_bench.errors import UserError

RATED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
NO_CLASS = ("unknown", "NF")  # NF: no face
CLASSES = tuple(class_name(word) for word in RATED)
RATERS = 10
FOLDERS = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
LIST = "label.csv"


@dataclass(frozen=True)
class Rating:
    """Votes for one image, in the order of RATED and NO_CLASS; without a name, FERPlus excludes the image."""

    name: str
    subset: str
    votes: tuple[int, ...]


@DATASETS.register("ferplus")
class FerPlus(Imported):
    """fer2013new.csv beside fer2013.csv, or FERPlus' own folders of images.

    A majority makes the label, by FERPlus' own rule; an image without one is left out. All votes for the
    classes are kept, single ones too.
    """

    name = "ferplus"
    title = "FERPlus, FER-2013's faces with ten votes each"
    licence = "labels MIT (Microsoft); images those of FER-2013, unclear: photographs from the web"
    how = "fer-bench data import ferplus PATH (a folder that holds fer2013new.csv and fer2013.csv)"
    forms = "fer2013new.csv beside fer2013.csv (FERPlus)"
    options = ("classes",)

    def recognise(self, tree: FileTree) -> str:
        """By the name of the table of votes, or by the lists in FERPlus' folders."""
        if file_named(tree, VOTES):
            if table := find_table(tree):
                return f"FERPlus votes beside {PurePosixPath(table).name}"
            return f"FERPlus votes, {'with image folders' if _images(tree) else 'without images'}"
        return "FERPlus, image folders with their lists of votes" if _lists(tree) else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Join votes and images; UserError, naming the row, where they don't belong together."""
        votes = file_named(tree, VOTES)
        if votes and (table := find_table(tree)):
            return _joined(tree, votes, table, options)
        rated = _rated_files(tree, votes)
        outcome = Counter(_outcome(rating) for _, rating in rated)
        listed = [
            ListedImage(file, _record(printable(f"{rating.subset}/{rating.name}"), rating, _outcome(rating)))
            for file, rating in rated
            if _outcome(rating) in CLASSES
        ]
        draft = listed_draft(tree, listed, CLASSES, options.classes, size=SIDE, grey=True, track=track)
        return replace(draft, remarks=_left_out(outcome) + draft.remarks)


def majority(votes: Sequence[int]) -> int | None:
    """Place of the answer with most votes; None where it has no more than half of those that count.

    By the rule of FERPlus, an answer that one person alone has given doesn't count.
    """
    counted = [n if n > 1 else 0 for n in votes]
    most = max(counted)
    return counted.index(most) if 2 * most > sum(counted) else None


def _outcome(rating: Rating) -> str:
    """The class of an image, or in other words why it has none."""
    if not rating.name:
        return "excluded by FERPlus, having no name"
    place = majority(rating.votes)
    if place is None:
        return "without a majority"
    return CLASSES[place] if place < len(CLASSES) else "unknown or no face by majority"


def _record(name: str, rating: Rating, label: str) -> ImageRecord:
    return ImageRecord(name, label, rating.subset, votes=rating.votes[: len(CLASSES)])


def _rated_files(tree: FileTree, votes: str) -> list[tuple[str, Rating]]:
    """Image files with their votes, by the folders' lists, else by the names in the table of votes."""
    if lists := _lists(tree):
        return [
            (f"{PurePosixPath(path).parent}/{rating.name}", rating)
            for path in lists
            for rating in _list(tree, path)
        ]
    if images := _images(tree):
        ratings = _ratings(tree, votes)
        return [(images.get((rating.subset, rating.name), rating.name), rating) for rating in ratings]
    raise UserError(
        f"{tree.path} holds no images to join FERPlus' votes with: put {VOTES} and fer2013.csv (or "
        "icml_face_data.csv) into one folder and give this; class folders of FER-2013 don't tell its rows"
    )


def _left_out(outcome: Counter[str]) -> tuple[str, ...]:
    """A line about the images that have no class."""
    why = [f"{n:,} {words}" for words, n in outcome.items() if words not in CLASSES]
    return (f"left out: {', '.join(why)}",) if why else ()


def _joined(tree: FileTree, votes: str, table: str, options: ImportOptions) -> Draft:
    """Draft of a table of pixels with the votes of its rows."""
    ratings, records = list(_ratings(tree, votes)), table_records(tree, table)
    names = f"{tree.source(votes)} and {PurePosixPath(table).name}"
    if len(ratings) != len(records):
        raise UserError(
            f"{names} have {len(ratings):,} and {len(records):,} rows: expected equally many, as they are "
            "joined one by one"
        )
    for number, (rating, record) in enumerate(zip(ratings, records, strict=True), start=1):
        if rating.subset != record.subset:
            raise UserError(f"{names}, row {number}: Usage differs: expected the same rows in the same order")
    outcomes = [_outcome(rating) for rating in ratings]
    rated = [
        _record(record.id, rating, outcome)
        for rating, record, outcome in zip(ratings, records, outcomes, strict=True)
        if outcome in CLASSES
    ]
    draft = table_draft(tree, table, rated, CLASSES, options.classes)
    return replace(
        draft,
        source=f"{draft.source} with {PurePosixPath(votes).name}",
        remarks=_left_out(Counter(outcomes)) + draft.remarks,
    )


def _ratings(tree: FileTree, table: str) -> Iterator[Rating]:
    """Rows of fer2013new.csv."""
    source = tree.source(table)
    for number, row in rows(tree, table, ("Usage", "Image name", *RATED, *NO_CLASS)):
        name = row["Image name"].strip()
        subset = usage_subset(source, number, row["Usage"])
        votes = [row[word] for word in (*RATED, *NO_CLASS)]
        yield Rating(name, subset, _votes(source, number, votes) if name else ())


def _list(tree: FileTree, path: str) -> Iterator[Rating]:
    """Rows of one folder's label.csv, which has no header: a name, a box and the votes."""
    number, source, subset = 0, tree.source(path), FOLDERS[PurePosixPath(path).parent.name]
    for number, line in lines(tree, path):
        try:
            name, *rest = next(csv.reader([line]))
        except csv.Error as error:
            raise UserError(f"{source}, row {number}: {error}") from error
        if len(rest) != 1 + len(RATED) + len(NO_CLASS):
            raise UserError(
                f"{source}, row {number}: {1 + len(rest)} values, expected a name, a box and {RATERS} votes"
            )
        yield Rating(name.strip(), subset, _votes(source, number, rest[1:]))
    if not number:
        raise UserError(f"{source} is empty: expected a name, a box and {RATERS} votes in each row")


def _votes(source: str, number: int, texts: Sequence[str]) -> tuple[int, ...]:
    """Ten numbers of votes; UserError where they are none, or not those of ten people.

    One row of fer2013new.csv has nine.
    """
    stripped = [text.strip() for text in texts]
    wrong = [text for text in stripped if not (text.isascii() and text.isdigit() and len(text) <= 2)]
    if wrong:
        raise UserError(
            f"{source}, row {number}: {wrong[0][:80]!r} votes, expected a number from 0 to {RATERS}"
        )
    votes = tuple(map(int, stripped))
    if sum(votes) not in (RATERS - 1, RATERS):
        raise UserError(f"{source}, row {number}: {sum(votes)} votes in all, expected {RATERS}")
    return votes


def _lists(tree: FileTree) -> list[str]:
    """Paths of the lists of votes in FERPlus' folders."""
    paths = [name for name in tree.sizes if name.endswith(f"/{LIST}")]
    return sorted(path for path in paths if PurePosixPath(path).parent.name in FOLDERS)


def _images(tree: FileTree) -> dict[tuple[str, str], str]:
    """Paths of the images in FERPlus' folders, by subset and name."""
    paths = [PurePosixPath(name) for name in tree.sizes]
    inside = [path for path in paths if path.parent.name in FOLDERS and path.name != LIST]
    return {(FOLDERS[path.parent.name], path.name): str(path) for path in inside}
