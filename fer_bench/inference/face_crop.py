"""A found face as the model sees it."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from fer_bench.data.decode import fitted
from fer_bench.inference.face_detector import Box, Face, Point


def face_pixels(
    image: Image.Image, face: Face, shape: tuple[int, int, int], align: bool = False
) -> np.ndarray:
    """Pixels (H, W, C) uint8 of a face in a picture: its box, at the `shape` of the training images.

    With `align`, the picture is turned around the box's centre until the eyes are level, if they are known.
    """
    if align and face.eyes:
        return fitted(_levelled(image.convert("L" if shape[2] == 1 else "RGB"), face.box, *face.eyes), shape)
    return fitted(image.crop(face.box), shape)


def _levelled(image: Image.Image, box: Box, eye: Point, other_eye: Point) -> Image.Image:
    """A box of a picture, turned around its centre so that the second eye is right of the first."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    angle = math.degrees(math.atan2(other_eye[1] - eye[1], other_eye[0] - eye[0]))
    around = math.ceil(math.hypot(width, height) / 2)  # what a turn may bring into the box
    region = image.crop((left - around, top - around, right + around, bottom + around))
    turned = region.rotate(angle, Image.Resampling.BICUBIC)
    return turned.crop((around, around, around + width, around + height))
