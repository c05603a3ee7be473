"""Pictures to read: noise, and pages with faces on them."""

import numpy as np
from PIL import Image


def noise(seed: int = 0, size: tuple[int, int] = (48, 48)) -> Image.Image:
    """Grey noise of (width, height)."""
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, size[::-1], dtype=np.uint8))


def page(*faces: tuple[int, int, Image.Image]) -> Image.Image:
    """A grey page of 640x400 with faces at (left, top)."""
    whole = Image.new("L", (640, 400), 128)
    for left, top, face in faces:
        whole.paste(face, (left, top))
    return whole
