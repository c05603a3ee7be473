"""Noise with a bright stripe at the height of its class."""

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.datasets.base import DATASETS, Dataset


@DATASETS.register("stripes")
class Stripes(Dataset):
    """Three classes, 300 images of 24x24."""

    title = "noise with a stripe, 24x24 grey"

    def load(self):
        """Draw all images, the same every time."""
        rng = np.random.RandomState(0)
        labels = rng.permutation(np.repeat(np.arange(3), [200, 20, 80])).astype(np.int32)
        pixels = rng.randint(0, 200, (len(labels), 24, 24, 1), dtype=np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[4 + 6 * label] = 255
        return FaceImages(
            pixels=pixels,
            labels=labels,
            subsets=(np.arange(len(labels)) % 3).astype(np.uint8),
            ids=np.arange(len(labels)).astype(str),
            classes=("high", "low", "middle"),
            name="stripes",
            source="drawn by my_faces",
        )
