"""Expressions over the time of a video: frames as they are read, faces in threads, batches of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from fer_bench.inference.face_detector import Box
from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import Picture, PictureReader, Unreadable, enlarged
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
    face: int | None
    box: Box | None


@dataclass(frozen=True, eq=False)
class FramePrediction:
    """What the model says of one face in a frame: probabilities (K,) float32, None where no face was found.

    faces, notes, face and box are those of `Picture`.
    """

    moment: Moment
    probabilities: np.ndarray | None
    faces: int | None
    notes: tuple[str, ...]
    face: int | None = None
    box: Box | None = None

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
            "face": self.face,
            "box": self.box,
        }


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame as the model sees it: its faces, or the whole of it as one, or none."""

    moment: Moment
    pictures: Sequence[Picture]


def predict_video(
    model: ModelFile, path: Path, reader: PictureReader, sampling: Sampling
) -> Iterator[FramePrediction | Unreadable]:
    """Predict the expression in sampled frames of a video, each seen as `reader` sees a picture.

    Otherwise than there, a frame without a face isn't predicted. Ends with an `Unreadable` where the video,
    or its rest, can't be read.
    """
    batch: list[_Seen | Unreadable] = []
    for seen in read_ahead(partial(_read, reader), sampled_frames(path, sampling), AHEAD):
        batch.append(seen)
        if len(batch) == BATCH_SIZE:
            yield from _predict_batch(model, batch)
            batch = []
    yield from _predict_batch(model, batch)


def _read(reader: PictureReader, frame: Frame | Unreadable) -> _Seen | Unreadable:
    if isinstance(frame, Unreadable):
        return frame
    pictures = reader.of_image(frame.moment.file, Image.fromarray(frame.pixels))
    return _Seen(
        frame.moment,
        [replace(each, box=enlarged(each.box, frame.shrink) if each.box else None) for each in pictures],
    )


def _predict_batch(
    model: ModelFile, batch: Sequence[_Seen | Unreadable]
) -> Iterator[FramePrediction | Unreadable]:
    seen = [each for each in batch if isinstance(each, _Seen)]
    pixels = [picture.pixels for each in seen for picture in each.pictures if picture.faces != 0]
    parts = [pixels[i : i + BATCH_SIZE] for i in range(0, len(pixels), BATCH_SIZE)]
    probabilities = (row for part in parts for row in model.probabilities(np.stack(part), BATCH_SIZE))
    for each in batch:
        if isinstance(each, Unreadable):
            yield each
            continue
        for picture in each.pictures:
            if picture.faces == 0:
                yield FramePrediction(each.moment, None, 0, ("no face found",))
            else:
                about = picture.faces, picture.notes, picture.face, picture.box
                yield FramePrediction(each.moment, next(probabilities), *about)
