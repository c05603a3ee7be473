"""All faces in a picture, found and read: each with the model's probabilities."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import Box, Face, FaceDetector
from fer_bench.inference.model_file import ModelFile

BATCH_SIZE = 4  # faces read in one call; more than one pads, as a model is compiled for one size


@dataclass(frozen=True, eq=False)
class ReadFace:
    """A face in a picture: its box, and probabilities (K,) float32 in the order of the model's classes."""

    box: Box
    probabilities: np.ndarray


class FaceReader:
    """Finds the faces in a picture and reads them; for several threads, of which one computes at a time."""

    def __init__(self, model: ModelFile, detector: FaceDetector) -> None:
        self.classes = model.classes
        self._model, self._detector = model, detector
        self._one_at_a_time = threading.Lock()

    def warm_up(self) -> None:
        """Compile the model and load the detector; raises UserError where the detector can't be had."""
        self._detector(np.zeros((64, 64, 3), np.uint8))
        self._probabilities([np.zeros(self._model.shape, np.uint8)])

    def __call__(
        self, picture: np.ndarray, longest_side: int | None = None, most: int | None = None
    ) -> list[ReadFace]:
        """The faces in a picture (h, w, 3) uint8, RGB, the largest first, of them the first `most`.

        Faces are searched for in a copy whose longer side is at most `longest_side` pixels, and cropped from
        the picture itself.
        """
        with self._one_at_a_time:
            faces = self._found(picture, longest_side)[:most]
            return self._read(picture, faces)

    def read_whole(self, picture: np.ndarray) -> ReadFace:
        """A picture (h, w, 3) uint8, RGB, read as one face, for one that was cropped to it before."""
        height, width = picture.shape[:2]
        with self._one_at_a_time:
            return self._read(picture, [Face((0, 0, width, height))])[0]

    def _found(self, picture: np.ndarray, longest_side: int | None) -> list[Face]:
        height, width = picture.shape[:2]
        shrink = max(height, width) / longest_side if longest_side else 1.0
        if shrink <= 1:
            return self._detector(picture)
        import cv2

        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return [_enlarged(face, shrink, width, height) for face in self._detector(small)]

    def _read(self, picture: np.ndarray, faces: Sequence[Face]) -> list[ReadFace]:
        image = Image.fromarray(picture)
        pixels = [face_pixels(image, face, self._model.shape) for face in faces]
        batches = (pixels[i : i + BATCH_SIZE] for i in range(0, len(pixels), BATCH_SIZE))
        probabilities = [each for batch in batches for each in self._probabilities(batch)]
        return [ReadFace(face.box, each) for face, each in zip(faces, probabilities, strict=True)]

    def _probabilities(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        return self._model.probabilities(np.stack(pixels), BATCH_SIZE)


def _enlarged(face: Face, factor: float, width: int, height: int) -> Face:
    """A face that was found in a shrunken copy, in pixels of the picture of this size."""
    left, top, right, bottom = (round(edge * factor) for edge in face.box)
    box = left, top, min(right, width), min(bottom, height)
    if not face.eyes:
        return replace(face, box=box)
    (x, y), (u, v) = face.eyes
    return replace(face, box=box, eyes=((x * factor, y * factor), (u * factor, v * factor)))
