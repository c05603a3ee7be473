"""The images that a run was validated and tested on, where they are on this machine."""

from __future__ import annotations

import numpy as np

from fer_bench.datasets.base import find_dataset
from fer_bench.errors import UserError
from fer_bench.inference.kept_repeat import KeptRepeat


def run_images(kept: KeptRepeat, ids: np.ndarray) -> np.ndarray | None:
    """Pixels (n, H, W, C) uint8 of images of a run's dataset by their ids (n,) str.

    None where the dataset isn't on this machine, or isn't the one that the run had, or has other names.
    """
    try:
        images = find_dataset(kept.record.board["dataset"]).load()
    except UserError:
        return None
    if images.fingerprint != kept.record.board["data_fingerprint"]:
        return None
    index_of = {str(name): i for i, name in enumerate(images.ids)}
    names = [str(name) for name in ids]
    if not index_of.keys() >= set(names):  # imported anew from files of other names
        return None
    return images.pixels[[index_of[name] for name in names]]


def evenly(ids: np.ndarray, most: int) -> np.ndarray:
    """Places of at most `most` of these ids, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, len(ids) - 1, most).astype(int))
