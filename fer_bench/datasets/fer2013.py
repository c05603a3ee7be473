"""FER-2013: 35,887 grey faces of 48x48 pixels in seven classes, 16.5 happy ones to one of disgust.

I. J. Goodfellow et al.: Challenges in Representation Learning: A report on three machine learning contests,
https://arxiv.org/abs/1307.0414. Its common forms are told apart by their content; classes are matched
by name, because fer2013.csv doesn't number them in alphabetical order.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import IMAGE_SUFFIXES, FileAlone, FileTree, image_places
from fer_bench.data.class_folders import draft_images
from fer_bench.data.class_names import COMMON, class_name
from fer_bench.data.draft import NO_OPTIONS, Draft, ImportOptions, Track, quiet
from fer_bench.data.pixel_tables import SIDE, USAGES, is_ck_plus, table_draft, table_records
from fer_bench.data.tables import header
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.errors import UserError

CLASSES = COMMON
TABLES = ("fer2013.csv", "icml_face_data.csv", "train.csv", "test.csv")  # the first is the fullest
VOTES = "fer2013new.csv"  # FERPlus' answer to the same images
SPLIT_UNKNOWN = (
    "official split not to be had: these file names don't tell PublicTest (val) from PrivateTest (test); "
    "scores are not comparable with those of the official split"
)
NO_USAGE = (
    "no column Usage, as in the challenge's train.csv: all images are taken for training images, and the "
    "official split is not to be had; scores are not comparable with those of the official split"
)


@DATASETS.register("fer2013")
class Fer2013(Imported):
    """Imported from Kaggle's zip or its folder, or the challenge's tables, alone or in their archives."""

    name = "fer2013"
    title = "FER-2013, 35,887 faces from the web"
    licence = "unclear: photographs from the web, gathered for a challenge in 2013"
    how = "fer-bench data download fer2013 (or data import fer2013 PATH: zip, tar.gz, folder or csv)"
    honest_ceiling = 0.77
    kaggle = "msambare/fer2013"
    forms = "fer2013.csv, fer2013.tar.gz, icml_face_data.csv, train.csv or Kaggle's archive of FER-2013"

    def recognise(self, tree: FileTree) -> str:
        """By its table's name or columns, or by file names that begin with a usage."""
        if file_named(tree, VOTES):
            return ""
        if (table := find_table(tree)) and not is_ck_plus(tree, table):
            return f"FER-2013's table, {tree.source(table)}"
        words = {name.rpartition("/")[2].partition("_")[0].lower() for name in tree.sizes}
        return "FER-2013, Kaggle's image folders" if {"training", "privatetest"} <= words else ""

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Tell its forms apart by their content; UserError for anything else."""
        if isinstance(tree, FileAlone):
            return _read_csv(tree, tree.path.name)
        if table := find_table(tree):
            return _read_csv(tree, table)
        return _read_images(tree, track)


def find_table(tree: FileTree) -> str:
    """Name of the fullest table of FER-2013 among files, by its name and columns; "" where there is none.

    Where there are no images, one called fer2013.csv or icml_face_data.csv is it, whatever its columns.
    """
    alone = isinstance(tree, FileAlone)
    files = list(tree.sizes) if alone else [file for name in TABLES if (file := file_named(tree, name))]
    if fitting := [file for file in files if "pixels" in header(tree, file)]:
        return fitting[0]
    if any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in tree.sizes):
        return ""
    return next((file for file in files if PurePosixPath(file).name in TABLES[:2]), "")


def file_named(tree: FileTree, name: str) -> str:
    """Path of a file of this name within a tree, the least deep one; "" where there is none."""
    paths = [path for path in tree.sizes if path == name or path.endswith(f"/{name}")]
    return min(paths, key=lambda path: (path.count("/"), path), default="")


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
    """Draft of a table, whose pixels are read when it is saved; UserError for one without labels."""
    columns = header(tree, table)
    if "emotion" not in columns and "pixels" in columns:
        raise UserError(
            f"{tree.source(table)} has pixels, but no labels (column emotion), as the challenge's test.csv: "
            "import fer2013.csv, icml_face_data.csv or train.csv"
        )
    draft = table_draft(tree, table, table_records(tree, table), CLASSES)
    return replace(draft, notes=() if "Usage" in columns else (NO_USAGE,))
