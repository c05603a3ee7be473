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

from fer_bench.inference.face_detector import Box
from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import Picture, PictureReader, Unreadable, Which

BATCH_SIZE = 64
FACES_EXPECTED = (
    8  # in a picture, of which all are wanted; with fewer, a part of a small batch is for nothing
)
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
    face: int | None
    box: Box | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says of a picture or a face: probabilities (K,) float32, in the order of its classes.

    All else is that of `Picture`.
    """

    file: str
    probabilities: np.ndarray
    faces: int | None
    notes: tuple[str, ...]
    face: int | None = None
    box: Box | None = None

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
            "face": self.face,
            "box": self.box,
        }


def predict(
    model: ModelFile,
    files: Sequence[Path],
    detect: bool = True,
    which: Which = "largest",
    align: bool = False,
    batch_size: int | None = None,
) -> Iterator[Prediction | Unreadable]:
    """Predict the expression in each file, in order; with `detect`, of the largest face in it, or of all.

    `files` are pictures, and are read as `PictureReader` does; of the faces in a file the largest comes
    first. A `batch_size` is for calls that are to share one; by default as many as are expected, up to 64.
    """
    batch_size = batch_size or min(BATCH_SIZE, len(files) * (FACES_EXPECTED if which == "all" else 1))
    batch: list[Picture | Unreadable] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        reader = PictureReader(model.shape, detect, which, align)
        for read in read_ahead(reader, files, 2 * batch_size):
            for picture in [read] if isinstance(read, Unreadable) else read:
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
    for each in batch:
        if isinstance(each, Picture):
            yield Prediction(each.file, next(probabilities), each.faces, each.notes, each.face, each.box)
        else:
            yield each


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
