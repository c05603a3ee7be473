"""Training labels of which a known share is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fer_bench.data.draws import draws
from fer_bench.data.images import FaceImages
from fer_bench.errors import UserError
from fer_bench.registry import unknown

Confusion = Mapping[str, Mapping[str, float]]
"""For each class that is mistaken the classes that it is taken for, with weights."""


@dataclass(frozen=True)
class LabelNoise:
    """A share of each class's training labels is wrong; of all classes, or of those in `along`.

    Wrong labels are any other class alike, or by the weights in `along`, which leaves other classes alone.
    """

    share: float
    along: Confusion = field(default_factory=dict)


def targets(noise: LabelNoise, classes: Sequence[str]) -> np.ndarray:
    """Where wrong labels of each class go, (K, K) float64: a row for each class, of sum 1, or of 0 if none.

    Raises UserError for a share that isn't in [0, 1), for an unknown class, and for one that would be taken
    for itself.
    """
    if not 0 <= noise.share < 1:
        raise UserError(f"label_noise {noise.share:g}: expected a share from 0 to below 1")
    number = {name: place for place, name in enumerate(classes)}
    if not noise.along:
        return (1 - np.eye(len(classes))) / max(len(classes) - 1, 1)
    rows = np.zeros((len(classes), len(classes)))
    for name, others in noise.along.items():
        for each in (name, *others):
            if each not in number:
                raise UserError(f"label_noise_along: {unknown('class', each, classes)}")
        if name in others:
            raise UserError(f"label_noise_along: {name} is taken for {name}; expected other classes")
        for each, weight in others.items():
            rows[number[name], number[each]] = weight / sum(others.values())
    return rows


def noisy_labels(images: FaceImages, train: np.ndarray, noise: LabelNoise) -> np.ndarray:
    """Labels (N,) int32 of all images, those of a share of `train` (n,) replaced by wrong ones.

    Of n_c images of a class exactly the share, rounded, is wrong: those with the smallest of `draws`, so the
    wrong labels of a smaller share are among those of a larger one, and the same. Raises UserError as
    `targets` does.
    """
    labels = np.array(images.labels, np.int32)
    for label, row in enumerate(targets(noise, images.classes)):
        if not row.any():
            continue
        of_class = train[images.labels[train] == label]
        wrong = int(noise.share * len(of_class) + 0.5)
        chosen = of_class[np.argsort(draws(images, of_class, "label noise"), kind="stable")[:wrong]]
        ends = np.cumsum(row)
        labels[chosen] = np.searchsorted(
            ends / ends[-1], draws(images, chosen, "label noise, target"), "right"
        )
    return labels
