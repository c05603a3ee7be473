"""Expressions over the time of a video: frames as they are read, faces in threads, batches of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from fer_bench.data.decode import fitted
from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import FaceDetector
from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import SEARCHED_FROM, Unreadable
from fer_bench.inference.predict import THREADS, Prediction, read_ahead
from fer_bench.inference.video import Frame, Moment, Sampling, sampled_frames

BATCH_SIZE = 16
AHEAD = 2 * THREADS  # frames in memory, of up to 12 MB each


class FrameRow(TypedDict):
    """A prediction of a face in a frame as plain data; without a face no expression and no probabilities."""

    file: str
    seconds: float
    frame: int
    expression: str | None
    probability: float | None
    faces: int | None
    notes: list[str]
    probabilities: dict[str, float]


@dataclass(frozen=True, eq=False)
class FramePrediction:
    """What the model says of one face in a frame: probabilities (K,) float32, None where no face was found.

    faces: how many were found, None where none was searched for; notes: what was done to the frame.
    """

    moment: Moment
    probabilities: np.ndarray | None
    faces: int | None
    notes: tuple[str, ...]

    @property
    def file(self) -> str:
        """The video's name, safe to print."""
        return self.moment.file

    def row(self, classes: Sequence[str]) -> FrameRow:
        """Plain data, probabilities rounded to six digits; `classes` are the model's."""
        found = self.probabilities is not None
        shown = np.zeros(len(classes)) if self.probabilities is None else self.probabilities
        row = Prediction(self.file, shown, self.faces, self.notes).row(classes)
        return {
            "file": self.file,
            "seconds": round(self.moment.seconds, 3),
            "frame": self.moment.number,
            "expression": row["expression"] if found else None,
            "probability": row["probability"] if found else None,
            "faces": self.faces,
            "notes": list(self.notes),
            "probabilities": row["probabilities"] if found else {},
        }


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame as the model sees it: pixels (H, W, C) uint8 of each face that is to be predicted."""

    moment: Moment
    pixels: Sequence[np.ndarray]
    faces: int | None
    notes: tuple[str, ...]


class _FrameReader:
    """Crops a frame to its largest face; can be called from several threads.

    As in pictures, a face is searched for with `detect` where the frame is clearly larger than `shape`.
    Otherwise than there, a frame without a face has none to be predicted.
    """

    def __init__(self, shape: tuple[int, int, int], detect: bool) -> None:
        self._shape = shape
        self._detector = FaceDetector() if detect else None

    def __call__(self, frame: Frame | Unreadable) -> _Seen | Unreadable:
        if isinstance(frame, Unreadable):
            return frame
        image = Image.fromarray(frame.pixels)
        if not self._detector or min(image.size) <= SEARCHED_FROM * max(self._shape[:2]):
            return _Seen(frame.moment, [fitted(image, self._shape)], None, ())
        found = self._detector(frame.pixels)
        note = f"{len(found)} faces: the largest" if found else "no face found"
        pixels = [face_pixels(image, face, self._shape) for face in found[:1]]
        return _Seen(frame.moment, pixels, len(found), () if len(found) == 1 else (note,))


def predict_video(
    model: ModelFile, path: Path, detect: bool = True, sampling: Sampling | None = None
) -> Iterator[FramePrediction | Unreadable]:
    """Predict the expression in sampled frames of a video; with `detect`, of the largest face in each.

    Ends with an `Unreadable` where the video, or its rest, can't be read.
    """
    batch: list[_Seen | Unreadable] = []
    frames = sampled_frames(path, sampling or Sampling())
    for seen in read_ahead(_FrameReader(model.shape, detect), frames, AHEAD):
        batch.append(seen)
        if len(batch) == BATCH_SIZE:
            yield from _predict_batch(model, batch)
            batch = []
    yield from _predict_batch(model, batch)


def _predict_batch(
    model: ModelFile, batch: Sequence[_Seen | Unreadable]
) -> Iterator[FramePrediction | Unreadable]:
    pixels = [face for seen in batch if isinstance(seen, _Seen) for face in seen.pixels]
    parts = [pixels[i : i + BATCH_SIZE] for i in range(0, len(pixels), BATCH_SIZE)]
    probabilities = (row for part in parts for row in model.probabilities(np.stack(part), BATCH_SIZE))
    for seen in batch:
        if isinstance(seen, Unreadable):
            yield seen
            continue
        for face in [next(probabilities) for _ in seen.pixels] or [None]:
            yield FramePrediction(seen.moment, face, seen.faces, seen.notes)
