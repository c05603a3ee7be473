"""Expressions in picture files: read ahead in threads, the face cropped, predicted in batches of one size."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, TypeVar

import numpy as np
from PIL import Image

from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import Picture, PictureReader, Unreadable

BATCH_SIZE = 64
THREADS = min(4, os.cpu_count() or 1)
Source = TypeVar("Source")
Read = TypeVar("Read")


class PredictionRow(TypedDict):
    """A prediction as plain data, for JSON and tables; `probabilities` by class, likeliest first."""

    file: str
    expression: str
    probability: float
    faces: int | None
    notes: list[str]
    probabilities: dict[str, float]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says of one picture: probabilities (K,) float32, in the order of the model's classes.

    `file`, `faces` and `notes` are those of `Picture`.
    """

    file: str
    probabilities: np.ndarray
    faces: int | None
    notes: tuple[str, ...]

    def row(self, classes: Sequence[str]) -> PredictionRow:
        """Plain data, probabilities rounded to six digits; `classes` are the model's."""
        likeliest_first = np.argsort(-self.probabilities)
        by_class = {classes[k]: round(float(self.probabilities[k]), 6) for k in likeliest_first}
        expression, probability = next(iter(by_class.items()))
        return {
            "file": self.file,
            "expression": expression,
            "probability": probability,
            "faces": self.faces,
            "notes": list(self.notes),
            "probabilities": by_class,
        }


def predict(
    model: ModelFile, files: Sequence[Path], detect: bool = True, batch_size: int | None = None
) -> Iterator[Prediction | Unreadable]:
    """Predict the expression in each file, in their order; with `detect`, of the largest face in it.

    `files` are pictures, and are read as `PictureReader` does. A `batch_size` is for calls that are to share
    one; by default 64, or the number of files where that is less.
    """
    batch_size = batch_size or min(BATCH_SIZE, len(files))
    batch: list[Picture | Unreadable] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for picture in read_ahead(PictureReader(model.shape, detect), files, 2 * batch_size):
            batch.append(picture)
            if len(batch) == batch_size:
                yield from _predict_batch(model, batch, batch_size)
                batch = []
        yield from _predict_batch(model, batch, batch_size)


def _predict_batch(
    model: ModelFile, batch: Sequence[Picture | Unreadable], batch_size: int
) -> Iterator[Prediction | Unreadable]:
    pixels = [picture.pixels for picture in batch if isinstance(picture, Picture)]
    probabilities = iter(model.probabilities(np.stack(pixels), batch_size) if pixels else ())
    for picture in batch:
        if isinstance(picture, Picture):
            yield Prediction(picture.file, next(probabilities), picture.faces, picture.notes)
        else:
            yield picture


def read_ahead(read: Callable[[Source], Read], sources: Iterable[Source], most_ahead: int) -> Iterator[Read]:
    """Read in threads, up to `most_ahead` sources ahead; yields what was read in the sources' order."""
    pending: deque[Future[Read]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for source in sources:
            pending.append(pool.submit(read, source))
            if len(pending) > most_ahead:
                yield pending.popleft().result()
        for future in pending:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
