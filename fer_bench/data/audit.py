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
class NearAudit:
    """Groups of near-duplicates, identical images among them; fields as of Audit."""

    groups: int
    grouped: int
    largest: int
    leaked: int
    dedup: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Audit:
    """Findings on one dataset; images are identical if all their pixels are.

    - skipped: "id: reason" of images unreadable at the import; blank: (n,) str, ids of constant images;
    - groups: of two or more identical images; grouped: images in them; surplus: images beyond the first of
      each group; largest: images in the largest group;
    - across: groups with images of several subsets; conflicting: groups with several classes, in all
      `conflicting_images` images;
    - held_out: imported val and test images, `leaked` of which are identical to a training image;
    - dedup: by split, (test images without an identical one in train or val, all test images);
    - near: the same of near-duplicates; None where these were not looked for.
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
    near: NearAudit | None = None


def doubtful(images: FaceImages) -> pd.DataFrame:
    """A row for each image with a finding: id, subset, class, group of identical images, and the findings.

    `leak`: held out and identical to a training image; `conflicting`: identical to one of another class;
    `near` and `near_leak`: the same of near-duplicates, whose group is `near_group`, where they are known.
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
            **({} if images.near is None else {"near_group": images.near}),
        }
    )
    order = ["group", "image"] if images.near is None else ["near_group", "group", "image"]
    return frame[frame[list(findings)].any(axis=1)].sort_values(order, ignore_index=True)


def audit(images: FaceImages) -> Audit:
    """Examine all images as imported, and the whole test part of every split they can give."""
    twins = images.twins()
    sizes = np.bincount(twins)
    findings = _findings(images)
    splits = whole_splits(images)
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
        dedup={part.name: (int(part.dedup.sum()), len(part.test)) for part in splits},
        near=None if images.near is None else _near(images.near, findings, splits),
    )


def _near(near: np.ndarray, findings: dict[str, np.ndarray], splits: list[Split]) -> NearAudit:
    sizes = np.bincount(near)
    kept = {part.name: part.near_dedup for part in splits if part.near_dedup is not None}
    return NearAudit(
        groups=int((sizes > 1).sum()),
        grouped=int(findings["near"].sum()),
        largest=int(sizes.max()),
        leaked=int(findings["near_leak"].sum()),
        dedup={name: (int(mask.sum()), len(mask)) for name, mask in kept.items()},
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
    twins, near = images.twins(), images.near
    held_out, train = images.in_subset("val", "test"), images.in_subset("train")
    findings = {
        "blank": images.blank(),
        "identical": np.bincount(twins)[twins] > 1,
        "leak": held_out & np.isin(twins, twins[train]),
        "conflicting": (_distinct(twins, images.labels) > 1)[twins],
    }
    if near is not None:
        findings["near"] = np.bincount(near)[near] > 1
        findings["near_leak"] = held_out & np.isin(near, near[train])
    return findings


def _distinct(twins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many different values each group of twins has: (groups,) int64."""
    pairs = np.unique(np.stack([twins, values.astype(np.int64)]), axis=1)
    return np.bincount(pairs[0])
