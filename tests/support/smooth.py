"""Smooth random pictures, as unlike one another as faces are, to be compared by their pixels."""

import numpy as np

from fer_bench.data.thumbnails import resampling


def smooth_pictures(count: int, seed: int = 0, side: int = 48) -> np.ndarray:
    """Pictures (count, side, side) uint8 of 16x16 random greys, blown up."""
    rng = np.random.default_rng(seed)
    grey = resampling(16) @ rng.uniform(20, 235, (count, 16, 16)) @ resampling(16).T
    if side != 48:
        step = np.arange(side) * 48 // side
        grey = grey[:, step][:, :, step]
    return grey.astype(np.uint8)


def noisy(pictures: np.ndarray, amount: float, seed: int = 1) -> np.ndarray:
    """Pictures (n, h, w) uint8 with noise of a standard deviation in grey levels."""
    noise = np.random.default_rng(seed).normal(0, amount, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)
