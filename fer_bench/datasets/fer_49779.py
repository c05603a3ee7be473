"""49,779 RGB faces of 96x96 pixels in FER-2013's classes, one of Kaggle's processed sets; without a split.

https://www.kaggle.com/datasets/fahadullaha/facial-emotion-recognition-dataset (`processed_data/<class>/`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from fer_bench.data.archive import FileTree
from fer_bench.data.class_folders import read_folder
from fer_bench.data.draft import NO_OPTIONS, Draft, ImportOptions, Track, quiet
from fer_bench.datasets.base import DATASETS, Imported

LEAKS = (
    "no split, and augmented copies were put in before it was handed out (four classes have exactly 5,920 "
    "images): random_80_20 has siblings of test images in train, so its scores are too high; random_80_10_10 "
    "keeps those on one side that were recognised"
)


@DATASETS.register("fer-49779")
class Fer49779(Imported):
    """Kaggle's zip or its folder."""

    name = "fer-49779"
    title = "49,779 processed faces, no split, augmented copies inside"
    licence = "unclear: processed by others, of FER-2013 among others"
    how = "fer-bench data download fer-49779 (or data import fer-49779 PATH: zip or folder)"
    kaggle = "fahadullaha/facial-emotion-recognition-dataset"
    forms = "processed_data/CLASS/IMAGE of the 49,779 faces"

    def recognise(self, tree: FileTree) -> str:
        """By the folder `processed_data` above those of the classes."""
        above = {parts[-3] for name in tree.sizes if len(parts := PurePosixPath(name).parts) > 2}
        return (
            "the 49,779 processed faces, class folders without a split" if "processed_data" in above else ""
        )

    def read(self, tree: FileTree, options: ImportOptions = NO_OPTIONS, track: Track = quiet) -> Draft:
        """Look through the class folders; UserError for other layouts."""
        return replace(read_folder(tree, options, track), notes=(LEAKS,), augmented=True)
