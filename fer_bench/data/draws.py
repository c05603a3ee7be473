"""Chance that is an image's own: a number from the hash of its pixels, the same wherever the image lies."""

from __future__ import annotations

import hashlib

import numpy as np

from fer_bench.data.images import FaceImages


def draws(images: FaceImages, indices: np.ndarray, purpose: str) -> np.ndarray:
    """A number in [0, 1) for each image of `indices` (n,), float64; for another `purpose` another one.

    It depends on neither the machine, the order of the images nor what else is in the dataset. Identical
    images have the same.
    """
    salt = hashlib.blake2b(purpose.encode(), digest_size=16).digest()
    hashed = (
        hashlib.blake2b(images.pixels[index].tobytes(), digest_size=8, salt=salt).digest()
        for index in indices
    )
    numbers = np.frombuffer(b"".join(hashed), "<u8")
    return (numbers >> np.uint64(11)) / 2.0**53  # 53 bits: float64 holds them exactly
