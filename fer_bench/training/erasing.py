"""Random erasing: a rectangle of a training image is replaced by noise.

Zhong et al., Random Erasing Data Augmentation, AAAI 2020. https://arxiv.org/abs/1708.04896
"""

from __future__ import annotations

import keras
from keras import ops

from fer_bench.training.backend import Tensor

SMALLEST, LARGEST = 0.02, 0.4  # shares of the image's area
FLATTEST = 0.3  # height over width, or width over height


def erased(images: Tensor, share: float, seeds: keras.random.SeedGenerator) -> Tensor:
    """Images (B, S, S, C) float32; in about this `share` of them a rectangle is uniform noise in 0..255.

    Area, aspect ratio and place are uniform in the paper's ranges; one that would be higher or wider than the
    image is cut to it, where the paper draws again.
    """
    number, size = ops.shape(images)[0], images.shape[1]
    draws = keras.random.uniform((number, 5), seed=seeds, dtype="float32")
    area = size**2 * (SMALLEST + draws[:, 0] * (LARGEST - SMALLEST))
    aspect = FLATTEST + draws[:, 1] * (1 / FLATTEST - FLATTEST)
    sides = (ops.minimum(ops.sqrt(area * aspect), size), ops.minimum(ops.sqrt(area / aspect), size))
    begins = [draws[:, 2 + axis] * (size - side) for axis, side in enumerate(sides)]
    rows, columns = (_within(begin, side, size) for begin, side in zip(begins, sides, strict=True))
    chosen = ops.reshape(draws[:, 4] < share, (-1, 1, 1, 1))
    inside = rows[:, :, None, None] & columns[:, None, :, None] & chosen
    noise = keras.random.uniform(ops.shape(images), 0.0, 255.0, seed=seeds, dtype="float32")
    return ops.where(inside, noise, images)


def _within(begin: Tensor, length: Tensor, size: int) -> Tensor:
    """Which pixels (B, S) have their centre in a stretch (B,) of a side."""
    centres = ops.arange(size, dtype="float32")[None] + 0.5
    return (centres >= begin[:, None]) & (centres < (begin + length)[:, None])
