"""Random images with labels and subsets, to split and to compare."""

from collections.abc import Mapping

import numpy as np

from fer_bench.data.images import SUBSETS, FaceImages

CLASSES = ("angry", "disgust", "happy")
COUNTS = {"train": (200, 20, 380), "val": (30, 4, 46), "test": (30, 4, 46)}


def noise_images(
    counts: Mapping[str, tuple[int, int, int]] = COUNTS, twins: int = 0, **changes: object
) -> FaceImages:
    """Images of 6x6, `counts` of each class by subset; the last `twins` are copies of the first.

    `changes` are other values for the fields of FaceImages.
    """
    labels = np.concatenate([np.repeat(np.arange(3), n) for n in counts.values()]).astype(np.int32)
    subsets = np.repeat([SUBSETS.index(s) for s in counts], [sum(n) for n in counts.values()])
    pixels = np.random.RandomState(0).randint(0, 256, (len(labels), 6, 6, 1), dtype=np.uint8)
    if twins:
        pixels[-twins:] = pixels[:twins]
    fields = {
        "pixels": pixels,
        "labels": labels,
        "subsets": subsets.astype(np.uint8),
        "ids": np.arange(len(labels)).astype(str),
        "classes": CLASSES,
        "name": "noise",
        "source": "a test",
    }
    return FaceImages(**{**fields, **changes})
