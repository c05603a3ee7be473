"""Images that two datasets have in common: identical ones, near-duplicates, and mirror images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fer_bench.data.draft import Track, quiet
from fer_bench.data.images import SUBSETS, FaceImages, pixel_digests
from fer_bench.data.near_duplicates import closest
from fer_bench.data.thumbnails import thumbnails

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("identical", "near", "mirrored")


def shared_images(first: FaceImages, second: FaceImages, track: Track = quiet) -> pd.DataFrame:
    """A row for each image of the first that the second has as well, beside the one there that is nearest.

    Columns: image, subset and class in either, those of the second behind `other_`; kind, one of KINDS;
    correlation, 1 of identical ones. Images of different sizes are never identical, but may be near.
    """
    import pandas as pd

    nearest = closest(thumbnails(first.pixels), thumbnails(second.pixels), track)
    identical = _identical(first, second)
    other = np.where(identical >= 0, identical, nearest.other)
    mine = np.flatnonzero(other >= 0)
    kind = np.where(nearest.mirrored, "mirrored", "near").astype(object)
    kind[identical >= 0] = "identical"
    return pd.DataFrame(
        {
            **_columns(first, mine, ""),
            **_columns(second, other[mine], "other_"),
            "kind": kind[mine],
            "correlation": np.where(identical >= 0, 1, nearest.correlation)[mine],
        }
    )


def shared_counts(shared: pd.DataFrame) -> pd.DataFrame:
    """How many rows of `shared_images` each pair of subsets has, in a column for each of KINDS."""
    import pandas as pd

    counts = pd.crosstab([shared["subset"], shared["other_subset"]], shared["kind"])
    return counts.reindex(columns=list(KINDS), fill_value=0)


def _identical(first: FaceImages, second: FaceImages) -> np.ndarray:
    """Index (n,) of the first identical image of the second, -1 where there is none."""
    if first.pixels.shape[1:] != second.pixels.shape[1:]:
        return np.full(len(first), -1)
    places: dict[bytes, int] = {}
    for place, digest in enumerate(pixel_digests(second.pixels)):
        places.setdefault(digest, place)
    return np.array([places.get(digest, -1) for digest in pixel_digests(first.pixels)], np.int64)


def _columns(images: FaceImages, indices: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    return {
        f"{prefix}image": images.ids[indices],
        f"{prefix}subset": np.array(SUBSETS)[images.subsets[indices]],
        f"{prefix}class": np.array(images.classes)[images.labels[indices]],
    }
