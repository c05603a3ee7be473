"""FER-2013: 35,887 grey faces of 48x48 pixels in seven classes, 16.5 happy ones to one of disgust.

I. J. Goodfellow et al.: Challenges in Representation Learning: A report on three machine learning contests,
https://arxiv.org/abs/1307.0414. Its four common forms are told apart by what is inside; classes are matched
by name, because fer2013.csv numbers them in another order than the alphabetical one of folders.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fer_bench.datasets import fer2013_csv
from fer_bench.datasets.base import DATASETS, Imported
from fer_bench.datasets.folder import drafted
from fer_bench.datasets.store import Draft, Track, quiet
from fer_bench.datasets.tree import IMAGE_SUFFIXES, Tree, image_places, open_tree, printable
from fer_bench.errors import UserError

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
SIDE = 48
PREFIXES = {"training": "train", "publictest": "val", "privatetest": "test"}
UNTOLD = (
    "official split not to be had: these file names don't tell PublicTest (val) from PrivateTest (test); "
    "scores are not comparable with those of the official split"
)


@DATASETS.register("fer2013")
class Fer2013(Imported):
    """Kaggle's zip or its folder, fer2013.csv, or icml_face_data.csv."""

    name = "fer2013"
    title = "FER-2013, 35,887 faces from the web"
    how = "fer-bench data download fer2013 (or data import fer2013 PATH: zip, folder or csv)"
    honest_ceiling = 0.77
    kaggle = "msambare/fer2013"

    def read(self, path: Path, track: Track = quiet) -> Draft:
        """Tell the four forms apart by what is inside; UserError for anything else."""
        if path.suffix.lower() == ".csv" and path.is_file():
            return fer2013_csv.read(lambda: path.open("rb"), printable(path.name), CLASSES)
        tree = open_tree(path)
        images = any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in tree.sizes)
        tables = [n for n in tree.sizes if PurePosixPath(n).name in ("fer2013.csv", "icml_face_data.csv")]
        if tables and not images:
            source = printable(f"{path.name}: {tables[0]}")
            return fer2013_csv.read(lambda: tree.open(tables[0]), source, CLASSES)
        return _read_images(tree, track)


def class_name(folder: str) -> str:
    """Class of a folder such as `angry`, `Happiness` or `0 angry`; UserError for one that FER-2013 hasn't."""
    word = re.sub(r"^\d+[\s_-]+", "", folder.strip()).lower()
    name = SYNONYMS.get(word, word)
    if name not in CLASSES:
        raise UserError(
            f"folder {folder!r} is none of FER-2013's classes ({', '.join(CLASSES)}); for other data, or "
            'numbered folders: fer-bench data import folder PATH --name NAME [--classes "0=angry,..."]'
        )
    return name


def _read_images(tree: Tree, track: Track) -> Draft:
    places = image_places(tree)
    told = {name: PREFIXES.get(place.file.split("_")[0].lower()) for name, place in places.items()}
    places = {name: replace(place, subset=told[name] or place.subset) for name, place in places.items()}
    labels = {name: class_name(place.folder) for name, place in places.items()}
    draft = drafted(tree, places, labels, size=SIDE, grey=True, track=track)
    has_val = any(place.subset == "val" for place in places.values())
    return draft.but(classes=CLASSES, notes=() if has_val else (UNTOLD,))
