"""A found face as the model sees it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from fer_bench.data.decode import fitted
from fer_bench.inference.face_detector import Face


def face_pixels(image: Image.Image, face: Face, shape: tuple[int, int, int]) -> np.ndarray:
    """Pixels (H, W, C) uint8 of a face in a picture: cropped to its box, brought to `shape`, (H, W, C)."""
    return fitted(image.crop(face.box), shape)
