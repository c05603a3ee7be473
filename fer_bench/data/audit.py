"""What is wrong with a dataset: broken, blank and identical images, leaks, conflicting labels."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.data.images import SUBSETS, FaceImages
from fer_bench.data.splits import Split, available_splits, split
from fer_bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Audit:
    """Findings on one dataset; images are identical if all their pixels are.

    - skipped: "id: reason" of images unreadable at the import; blank: (n,) str, ids of constant images;
    - groups: of two or more identical images; grouped: images in them; surplus: images beyond the first of
      each group; largest: images in the largest group;
    - across: groups with images of several subsets; conflicting: groups with several classes, in all
      `conflicting_images` images;
    - held_out: imported val and test images, `leaked` of which are identical to a training image;
    - dedup: by split, (test images without an identical one in train or val, all test images).
    """

    images: int
    skipped: tuple[str, ...]
    blank: np.ndarray
    groups: int
    grouped: int
    surplus: int
    largest: int
    across: int
    conflicting: int
    conflicting_images: int
    held_out: int
    leaked: int
    dedup: dict[str, tuple[int, int]]


def doubtful(images: FaceImages) -> pd.DataFrame:
    """A row for each image with a finding: id, subset, class, group of identical images, and the findings.

    `leak`: held out and identical to a training image; `conflicting`: identical to one of another class.
    """
    import pandas as pd

    findings = _findings(images)
    frame = pd.DataFrame(
        {
            "image": images.ids,
            "subset": np.array(SUBSETS)[images.subsets],
            "class": np.array(images.classes)[images.labels],
            "group": images.twins(),
            **findings,
        }
    )
    return frame[frame[list(findings)].any(axis=1)].sort_values(["group", "image"], ignore_index=True)


def audit(images: FaceImages) -> Audit:
    """Examine all images as imported, and the whole test part of every split they can give."""
    twins = images.twins()
    sizes = np.bincount(twins)
    findings = _findings(images)
    return Audit(
        images=len(images),
        skipped=images.skipped,
        blank=images.ids[findings["blank"]],
        groups=int((sizes > 1).sum()),
        grouped=int(findings["identical"].sum()),
        surplus=int((sizes - 1).sum()),
        largest=int(sizes.max()),
        across=int((_distinct(twins, images.subsets) > 1).sum()),
        conflicting=len(np.unique(twins[findings["conflicting"]])),
        conflicting_images=int(findings["conflicting"].sum()),
        held_out=int(images.in_subset("val", "test").sum()),
        leaked=int(findings["leak"].sum()),
        dedup={part.name: (int(part.dedup.sum()), len(part.test)) for part in whole_splits(images)},
    )


def whole_splits(images: FaceImages) -> list[Split]:
    """All splits that the images can give, unsampled; one that lacks a class in train is left out."""
    splits = []
    for name in available_splits(images):
        with contextlib.suppress(UserError):
            splits.append(split(images, name))
    return splits


def _findings(images: FaceImages) -> dict[str, np.ndarray]:
    """Which images have each finding, (N,) bool by name of the finding."""
    twins = images.twins()
    return {
        "blank": images.blank(),
        "identical": np.bincount(twins)[twins] > 1,
        "leak": images.in_subset("val", "test") & np.isin(twins, twins[images.in_subset("train")]),
        "conflicting": (_distinct(twins, images.labels) > 1)[twins],
    }


def _distinct(twins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many different values each group of twins has: (groups,) int64."""
    pairs = np.unique(np.stack([twins, values.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0])
