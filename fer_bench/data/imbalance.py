"""Training splits of a given imbalance ratio, and how many images of each class these have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fer_bench.data.draws import draws
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import Split
from fer_bench.errors import UserError

Profile = Literal["exponential", "step"]
FEWEST = 2  # images of a class that a strategy can work with


@dataclass(frozen=True)
class Imbalance:
    """A training split of `images` images whose commonest class has `ratio` times those of the rarest."""

    ratio: float
    profile: Profile
    images: int


def shares(counts: np.ndarray, ratio: float, profile: Profile) -> np.ndarray:
    """Share of each class in a split of this imbalance ratio, (K,) float64 of sum 1.

    Classes keep the order of their `counts` (K,), of equal ones that of their labels. With rank 0 for the
    commonest of K classes, n_c is proportional to ratio^(-rank / (K - 1)) (exponential), or to 1 / ratio for
    the rarer K // 2 classes and to 1 for the others (step). Buda et al., A systematic study of the class
    imbalance problem in convolutional neural networks, 2018, https://arxiv.org/abs/1710.05381 (step); Cui et
    al., Class-balanced loss, 2019, https://arxiv.org/abs/1901.05555 (exponential).

    Raises UserError for a ratio below 1.
    """
    if not ratio >= 1:
        raise UserError(f"imbalance_ratio {ratio:g}: expected 1 (all classes alike) or more")
    classes = len(counts)
    rank = np.empty(classes, int)
    rank[np.argsort(-counts, kind="stable")] = np.arange(classes)
    exponent = rank / max(classes - 1, 1) if profile == "exponential" else rank >= classes - classes // 2
    relative = float(ratio) ** -exponent.astype(float)
    return relative / relative.sum()


def largest_total(counts: np.ndarray, ratio: float, profile: Profile) -> int:
    """The most images that a split of this imbalance ratio can have, if there are `counts` (K,) of each."""
    return int(np.floor(np.round((counts / shares(counts, ratio, profile)).min(), 6)))


def class_counts(
    counts: np.ndarray, ratio: float, profile: Profile, total: int, classes: tuple[str, ...]
) -> np.ndarray:
    """How many images of each class make `total` with this imbalance ratio, (K,) int64.

    Each is its share of the total rounded down or up: up where most is lost, until the total is reached. So
    the ratio is met to within the rounding of the rarest class. Raises UserError where a class would have
    fewer than two images.
    """
    ideal = np.round(shares(counts, ratio, profile) * total, 6)  # powers differ in their last bits
    quota = np.floor(ideal).astype(np.int64)
    missing = total - int(quota.sum())
    quota[np.argsort(quota - ideal, kind="stable")[:missing]] += 1
    rarest = int(quota.argmin())
    if quota[rarest] < FEWEST:
        raise UserError(
            f"imbalance_ratio {ratio:g} leaves {quota[rarest]} of {total:,} training images to "
            f"{classes[rarest]}: at least {FEWEST} of each class are needed; take a smaller ratio or more "
            "images"
        )
    return quota


def thin(images: FaceImages, parts: Split, wanted: Imbalance) -> Split:
    """A split whose training images are thinned to an imbalance; validation and test stay as they are.

    Of each class those with the smallest of `draws` stay: where one split has fewer of a class than another,
    it has some of the very same. Raises UserError as `class_counts` does.
    """
    counts = images.counts(parts.train)
    quota = class_counts(counts, wanted.ratio, wanted.profile, wanted.images, images.classes)
    labels = images.labels[parts.train]
    kept = []
    for label, number in enumerate(quota):
        of_class = parts.train[labels == label]
        kept.append(of_class[np.argsort(draws(images, of_class, "imbalance"), kind="stable")[:number]])
    return replace(parts, train=np.sort(np.concatenate(kept)))
