"""Drawn images that a net can learn, but not at once: grey, five classes of unequal size."""

import numpy as np

from fer_bench.data.images import FaceImages

CLASSES = ("angry", "disgust", "happy", "neutral", "sad")
SHARES = np.array([0.25, 0.05, 0.4, 0.2, 0.1])


def draw_faces(images: int = 300, side: int = 24, channels: int = 1, seed: int = 0) -> FaceImages:
    """A bright bar per class in heavy noise, so that a net can learn it, but not at once."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), np.round(SHARES * images).astype(int)))
    pixels = rng.normal(110, 45, (len(labels), side, side, channels))
    for place, label in enumerate(labels):
        row = 2 + label * side // 6
        pixels[place, row : row + 4, 3:-6] += 70
    return FaceImages(
        pixels=pixels.clip(0, 255).astype(np.uint8),
        labels=labels.astype(np.int32),
        subsets=rng.permutation(np.arange(len(labels)) % 5 // 3).astype(np.uint8),
        ids=np.array([f"{i}.png" for i in range(len(labels))]),
        classes=CLASSES,
        name="bars",
        source="drawn in a test",
    )
