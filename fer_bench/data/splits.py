"""Splits: which images are train, val and test; the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.data.split_names import SPLITS, SplitName
from fer_bench.errors import UserError
from fer_bench.hashing import bytes_digest
from fer_bench.registry import unknown

SELECTS_ON_TEST: tuple[SplitName, ...] = ("random_80_20", "test_as_validation")
GROUPED: tuple[SplitName, ...] = ("union", "random_80_10_10")  # that keep a group on one side
_SEED = 2013


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted int64 indices into a FaceImages; blank images are in none of the training parts.

    - dedup: (len(test),) bool, test images without an identical one in train or val (in train alone where
      val and test are the same images), found on the whole split, before any sampling;
    - near_dedup: the same of near-duplicates; None where these were not looked for;
    - val_twins: validation images that are identical to one of train, counted after sampling, found before
      it; 0 where val and test are the same images;
    - selects_on_test: val and test are the same images; such rows are never ranked with others.
    """

    name: str
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    dedup: np.ndarray
    selects_on_test: bool
    val_twins: int = 0
    near_dedup: np.ndarray | None = None


class HasDuplicates(Protocol):
    """Test images of which it is known which have an identical or a nearly identical one in train or val."""

    @property
    def dedup(self) -> np.ndarray:
        """Those without an identical one: (n,) bool."""
        ...

    @property
    def near_dedup(self) -> np.ndarray | None:
        """Those without a near-duplicate: (n,) bool; None where unknown."""
        ...


def scored_parts(images: HasDuplicates) -> dict[str, np.ndarray]:
    """Which test images scores are taken of, (n,) bool by how the names of the scores begin."""
    parts = {"test": np.ones(len(images.dedup), bool), "test_dedup": images.dedup}
    return parts if images.near_dedup is None else parts | {"test_near_dedup": images.near_dedup}


def available_splits(images: FaceImages) -> tuple[str, ...]:
    """Names of the splits that these images can give, in the order of SPLITS."""
    train, val, test = (images.in_subset(subset).any() for subset in ("train", "val", "test"))
    possible = {
        "official": train and val and test,
        "union": train and (val or test),
        "test_as_validation": train and (val or test),
    }
    return tuple(name for name in SPLITS if possible.get(name, True) and name not in images.refused)


def groups_digest(images: FaceImages, name: str) -> str:
    """Hash of the groups that a split keeps on one side; "" where it keeps none but identical images."""
    if name not in GROUPED or np.array_equal(images.groups(), images.twins()):
        return ""
    return bytes_digest(images.groups().astype("<i8").tobytes())[:16]


def split(
    images: FaceImages,
    name: str,
    train_images: int | None = None,
    val_images: int | None = None,
    test_images: int | None = None,
) -> Split:
    """Split images by one of SPLITS; the same images give the same split on every machine.

    `*_images` draw a stratified subsample (class shares kept; at least 1 of each class that is there, 2 in
    train); a smaller number's sample lies within a larger one's. Where val and test are the same images,
    `test_images` (else `val_images`) draws both. Raises UserError for images damaged since
    their import, for a split that they can't give, for a class without training images, for groups too large
    to hold any out, and for samples too small to hold every class.
    """
    if name not in SPLITS:
        raise UserError(unknown("split", name, SPLITS))
    if name not in (possible := available_splits(images)):
        why = "its images don't say which belong where"
        if name in images.refused:
            why = "; ".join(images.notes)
        raise UserError(
            f"dataset {images.name!r} can't give the split {name!r} ({SPLITS[name]}): {why}; "
            f"possible: {', '.join(possible)}"
        )
    images.check_intact()
    same = name in SELECTS_ON_TEST
    all_train, val, test = _whole(images, name)
    train = all_train[~images.blank()[all_train]]
    _check_classes(images, name, train)
    _check_held_out(images, name, val, test)
    known = all_train if same else np.concatenate([all_train, val])
    train = _sample(images, train, train_images, 2, "train_images")
    test = _sample(images, test, test_images or (val_images if same else None), 1, "test_images")
    val = test if same else _sample(images, val, val_images, 1, "val_images")
    in_train = np.isin(images.twins(), images.twins()[all_train])
    val_twins = 0 if same else int(np.count_nonzero(in_train[val]))
    dedup = _apart(images.twins(), test, known)
    near_dedup = None if images.near is None else _apart(images.near, test, known)
    return Split(name, train, val, test, dedup, same, val_twins, near_dedup)


def _apart(groups: np.ndarray, indices: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of some images share no group (N,) with any of the others: (n,) bool."""
    return ~np.isin(groups[indices], groups[others])


def _whole(images: FaceImages, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train, val and test before blank images are left out of train and before any sampling."""
    everything = np.arange(len(images))
    train, val, test = (np.flatnonzero(images.in_subset(subset)) for subset in ("train", "val", "test"))
    both = np.union1d(val, test)
    if name == "official":
        return train, val, test
    if name == "test_as_validation":
        return train, both, both
    divide = _hold_out if images.subjects is None else _hold_out_people
    if name == "union":
        train, val = divide(images, train, 0.1, images.groups())
        return train, val, both
    if name == "random_80_20":
        train, test = _hold_out(images, everything, 0.2, everything)
        return train, test, test
    rest, test = divide(images, everything, 0.1, images.groups())
    train, val = divide(images, rest, 1 / 9, images.groups())
    return train, val, test


def _hold_out(
    images: FaceImages, pool: np.ndarray, share: float, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Divide a pool of indices, class by class, into (rest, held out); images of one group stay together.

    A group counts as the class of its first image. The first group of a class stays, and so does one that is
    larger than what is still to be held out.
    """
    numbers, first, member, sizes = np.unique(
        groups[pool], return_index=True, return_inverse=True, return_counts=True
    )
    group_labels = images.labels[pool[first]]
    held_out = np.zeros(len(numbers), dtype=bool)
    for label in range(len(images.classes)):
        groups_of_class = _shuffled(np.flatnonzero(group_labels == label), label)
        room = max(round(share * sizes[groups_of_class].sum()), 1)
        for group in groups_of_class[1:]:
            if sizes[group] <= room:
                held_out[group] = True
                room -= sizes[group]
    return pool[~held_out[member]], pool[held_out[member]]


def _hold_out_people(
    images: FaceImages, pool: np.ndarray, share: float, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Divide a pool of indices into (rest, held out) by groups that have images of several classes.

    The largest groups first, in a shuffled order, a group is held out where that brings the held-out images
    of each class nearer to what is wanted: in the sum over classes of (wanted - held out)^2 / wanted.
    """
    _, member = np.unique(groups[pool], return_inverse=True)
    counts = np.zeros((member.max(initial=-1) + 1, len(images.classes)))
    np.add.at(counts, (member, images.labels[pool]), 1)
    missing = share * counts.sum(axis=0)
    weights = 1 / np.maximum(missing, 1)
    shuffled = _shuffled(np.arange(len(counts)), 0)
    held_out = np.zeros(len(counts), dtype=bool)
    for group in shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]:
        after = missing - counts[group]
        if weights @ after**2 < weights @ missing**2:
            held_out[group], missing = True, after
    return pool[~held_out[member]], pool[held_out[member]]


def _sample(images: FaceImages, pool: np.ndarray, wanted: int | None, least: int, option: str) -> np.ndarray:
    """Stratified subsample of a pool of indices, sorted; all of it where no fewer are wanted."""
    if wanted is None or wanted >= len(pool):
        return pool
    quota = _quota(images.counts(pool), wanted, least, option)
    labels = images.labels[pool]
    sample = [_shuffled(pool[labels == label], label)[:n] for label, n in enumerate(quota)]
    return np.sort(np.concatenate(sample))


def _quota(counts: np.ndarray, wanted: int, least: int, option: str) -> np.ndarray:
    """How many of each class to draw: `wanted` in all, and of each `least` or all that there are."""
    floor = np.minimum(counts, least)
    if wanted < floor.sum():
        raise UserError(f"{option} is {wanted}: at least {floor.sum()} are needed, {least} of each class")
    ideal = counts * wanted / counts.sum()
    quota = np.maximum(floor, np.floor(ideal).astype(int))
    while (gap := wanted - quota.sum()) != 0:
        changeable = quota < counts if gap > 0 else quota > floor
        distance = np.where(changeable, (ideal - quota) * np.sign(gap), -np.inf)
        quota[distance.argmax()] += np.sign(gap)
    return quota


def _shuffled(values: np.ndarray, stream: int) -> np.ndarray:
    # RandomState, because NumPy promises never to change its stream; Generator's may change with a release.
    return np.random.RandomState(_SEED + stream).permutation(values)


def _check_classes(images: FaceImages, name: str, train: np.ndarray) -> None:
    """Raise UserError where a class has no training image."""
    absent = [images.classes[k] for k in np.flatnonzero(images.counts(train) == 0)]
    if absent:
        raise UserError(
            f"split {name!r} of dataset {images.name!r} has no training image of {', '.join(absent)}: "
            "import the data with images of every class, or without the folder of this class"
        )


def _check_held_out(images: FaceImages, name: str, val: np.ndarray, test: np.ndarray) -> None:
    """Raise UserError where there are no images to validate or test on."""
    for part, held_out in (("validation", val), ("test", test)):
        if not len(held_out):
            raise UserError(
                f"split {name!r} of dataset {images.name!r} has no {part} images: all of one person, or "
                "nearly identical, stay together, and there are too few such groups; import more of them, or "
                "take another split"
            )
