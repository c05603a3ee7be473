"""Expressions in picture files: read ahead in threads, the face cropped, predicted in batches of one size."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer_bench.data.archive import printable
from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import Look, Reader

BATCH = 64
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says of one picture: probabilities (K,) float32, faces found (None: not searched)."""

    file: str
    probabilities: np.ndarray
    faces: int | None
    notes: tuple[str, ...]

    def row(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain data, likeliest class first: file, expression, probability, faces, notes, probabilities."""
        given = {classes[k]: round(float(self.probabilities[k]), 6) for k in np.argsort(-self.probabilities)}
        best = next(iter(given))
        return {
            "file": self.file,
            "expression": best,
            "probability": given[best],
            "faces": self.faces,
            "notes": list(self.notes),
            "probabilities": given,
        }


@dataclass(frozen=True)
class Unreadable:
    """A file that no picture could be read from, and why."""

    file: str
    reason: str


def predict(
    opened: ModelFile, files: Sequence[Path], detect: bool = True
) -> Iterator[Prediction | Unreadable]:
    """Predict picture files, in their order."""
    batch = min(BATCH, len(files))
    read: list[tuple[Path, Look | str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for pair in _ahead(Reader(opened.shape, detect), files, 2 * batch):
            read.append(pair)
            if len(read) == batch:
                yield from _predicted(opened, read, batch)
                read = []
        yield from _predicted(opened, read, batch)


def _predicted(
    opened: ModelFile, read: Sequence[tuple[Path, Look | str]], batch: int
) -> Iterator[Prediction | Unreadable]:
    looks = [look for _, look in read if isinstance(look, Look)]
    found = iter(opened.probabilities(np.stack([look.pixels for look in looks]), batch) if looks else ())
    for path, look in read:
        name = printable(str(path))
        if isinstance(look, str):
            yield Unreadable(name, look)
        else:
            yield Prediction(name, next(found), look.faces, look.notes)


def _ahead(
    read: Callable[[Path], Look | str], files: Sequence[Path], window: int
) -> Iterator[tuple[Path, Look | str]]:
    """Files with what is read from them, in order; threads are up to `window` files ahead."""
    waiting: deque[tuple[Path, Future[Look | str]]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for path in files:
            waiting.append((path, pool.submit(read, path)))
            if len(waiting) > window:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
