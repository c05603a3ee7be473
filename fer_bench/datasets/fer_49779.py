"""49,779 RGB faces of 96x96 pixels in FER-2013's classes, one of Kaggle's processed sets; without a split.

https://www.kaggle.com/datasets/fahadullaha/facial-emotion-recognition-dataset (`processed_data/<class>/`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fer_bench.data.cache import Draft, Track, quiet
from fer_bench.data.class_folders import read_folder
from fer_bench.datasets.base import DATASETS, Imported

LEAKS = (
    "no split, and augmented copies were put in before it was handed out (four classes have exactly 5,920 "
    "images): any random split has siblings of test images in train, so scores are too high"
)


@DATASETS.register("fer-49779")
class Fer49779(Imported):
    """Kaggle's zip or its folder."""

    name = "fer-49779"
    title = "49,779 processed faces, no split, augmented copies inside"
    how = "fer-bench data download fer-49779 (or data import fer-49779 PATH: zip or folder)"
    kaggle = "fahadullaha/facial-emotion-recognition-dataset"

    def read(self, path: Path, track: Track = quiet) -> Draft:
        """Look through the class folders; UserError for other layouts."""
        return replace(read_folder(path, track=track), notes=(LEAKS,))
