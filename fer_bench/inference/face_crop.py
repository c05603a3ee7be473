"""A found face as the model sees it."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from fer_bench.data.decode import fitted
from fer_bench.inference.face_detector import Box, Face


def face_pixels(image: Image.Image, face: Face, shape: tuple[int, int, int], tilt: float = 0.0) -> np.ndarray:
    """Pixels (H, W, C) uint8 of a face in a picture: its box, at the `shape` of the training images.

    The picture is turned back around the box's centre by `tilt` degrees, which count clockwise.
    """
    if tilt:
        return fitted(_turned(image.convert("L" if shape[2] == 1 else "RGB"), face.box, tilt), shape)
    return fitted(image.crop(face.box), shape)


def _turned(image: Image.Image, box: Box, degrees: float) -> Image.Image:
    """A box of a picture that was turned around the box's centre, counterclockwise."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    around = math.ceil(math.hypot(width, height) / 2)  # what a turn may bring into the box
    region = image.crop((left - around, top - around, right + around, bottom + around))
    turned = region.rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((around, around, around + width, around + height))
