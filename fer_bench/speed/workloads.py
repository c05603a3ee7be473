"""Drawn faces to measure on: as arrays, as a tree of JPEG files, as the data of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.datasets.synthetic import CLASSES, counts, draw

if TYPE_CHECKING:
    from fer_bench.data.trial_data import TrialData


def draw_faces(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Faces, (N, 48, 48, 1) uint8, and their labels, (N,) int32, in FER-2013's shares."""
    rng = np.random.RandomState([17, seed])
    labels = rng.permutation(np.repeat(np.arange(len(CLASSES), dtype=np.int32), counts(images)))
    return draw(labels, rng), labels


def write_tree(folder: Path, images: int, seed: int = 0) -> None:
    """Write the same faces as JPEG files into `folder/<class>/`, the way Kaggle's FER-2013 comes."""
    from PIL import Image

    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for number, (face, label) in enumerate(zip(*draw_faces(images, seed), strict=True)):
        Image.fromarray(face[..., 0]).save(folder / CLASSES[label] / f"{number:05}.jpg", quality=95)


def trial_data(images: int, validation: int) -> TrialData:
    """Data of a trial: `images` to train on, others to validate on, none to test on."""
    from fer_bench.data.trial_data import TrialData

    train, val = draw_faces(images), draw_faces(validation, seed=1)
    pixels, labels = (np.concatenate(both) for both in zip(train, val, strict=True))
    index = np.arange(len(labels))
    return TrialData(
        pixels=pixels,
        labels=labels,
        ids=np.array([f"face/{number:05}.jpg" for number in index]),
        groups=index,
        train=index[:images],
        val=index[images:],
        test=index[:0],
        dedup=np.zeros(0, bool),
        classes=CLASSES,
    )
