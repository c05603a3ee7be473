"""Images as small grey ones of one size, by which those of any set are compared with those of any other."""

from __future__ import annotations

import numpy as np

from fer_bench.data.images import blocks

SIDE = 48
FAINT = 1.0  # grey levels of standard deviation
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue
AT_ONCE = 1024


def thumbnails(pixels: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) uint8 as (N, 48, 48) uint8: grey, the whole image brought to this size."""
    small = np.empty((len(pixels), SIDE, SIDE), np.uint8)
    begin = 0
    for block in blocks(pixels, AT_ONCE):
        small[begin : begin + len(block)] = _small(block)
        begin += len(block)
    return small


def _small(block: np.ndarray) -> np.ndarray:
    """Thumbnails of a few images."""
    if block.shape[1:] == (SIDE, SIDE, 1):
        return block[..., 0]
    values = block.astype(np.float32)
    grey = values @ GREY if values.shape[-1] == 3 else values[..., 0]
    return np.rint(resampling(grey.shape[1]) @ grey @ resampling(grey.shape[2]).T)


def resampling(side: int) -> np.ndarray:
    """Matrix (48, side) float32 that brings a row of pixels to 48.

    Its rows are triangles, as wide as the pixels of the smaller of both sizes.
    """
    scale = side / SIDE
    centre = (np.arange(SIDE)[:, None] + 0.5) * scale - 0.5
    weight = np.maximum(1 - np.abs(np.arange(side) - centre) / max(scale, 1), 0)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def normalised(small: np.ndarray) -> np.ndarray:
    """Thumbnails (n, 48, 48) as float32 of zero mean and length 1; zeros where there is no contrast."""
    values = small.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.square(values).sum(axis=(1, 2), keepdims=True))
    return np.where(length > FAINT * SIDE, values / np.maximum(length, 1e-6), np.float32(0))


def diagonals(last: int) -> list[tuple[int, int]]:
    """Vertical and horizontal frequency of all waves whose sum is 1 to `last`, the lowest first."""
    return [(row, total - row) for total in range(1, last + 1) for row in range(total + 1)]


def low_frequencies(values: np.ndarray, count: int) -> np.ndarray:
    """The lowest frequencies (n, count, count) of (n, 48, 48), vertical ones first: a cosine transform."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    waves = np.cos(np.arange(count)[:, None] * place) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    basis = waves.astype(np.float32)
    return basis @ values @ basis.T
