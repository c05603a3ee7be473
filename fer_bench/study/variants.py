"""The training sets that a study lists: each thinned or disturbed otherwise, each a board of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.data.imbalance import Imbalance, largest_total, thin
from fer_bench.data.label_noise import LabelNoise, noisy_labels
from fer_bench.data.splits import Split, split
from fer_bench.errors import UserError
from fer_bench.study.spec import StudySpec

OPTIONS = {"imbalance-ratio": "imbalance_ratio", "label-noise": "label_noise"}
"""Options of commands that choose a training set, and the tags of boards that they are of."""


@dataclass(frozen=True)
class Variant:
    """What is done to the training split; nothing where both are None."""

    imbalance: Imbalance | None = None
    noise: LabelNoise | None = None

    def use(self, images: FaceImages, spec: StudySpec) -> UsedImages:
        """Split the images of a study, thin the training split, then disturb its labels.

        Raises UserError for what these images can't give.
        """
        labels = np.asarray(images.labels)
        if self.imbalance:  # has capped the number of training images itself
            parts = split(images, spec.split, None, spec.val_images, spec.test_images)
            parts = thin(images, parts, self.imbalance)
        else:
            parts = split(images, spec.split, *spec.samples)
        if self.noise:
            labels = noisy_labels(images, parts.train, self.noise)
        if len(parts.train) < (batch := spec.recipe.batch_size):
            raise UserError(
                f"{len(parts.train)} training images are fewer than a batch of {batch}: expected more "
                "images, or a smaller batch_size"
            )
        return UsedImages(self, parts, labels)

    @property
    def key(self) -> dict[str, object]:
        """Its part of the keys of cells and stages: nothing where the training split is as it was."""
        key: dict[str, object] = {}
        if self.imbalance:
            key["imbalance"] = vars(self.imbalance)
        if self.noise and self.noise.share:
            key["label_noise"] = {"share": self.noise.share, "along": self.noise.along}
        return key

    @property
    def tags(self) -> dict[str, str]:
        """Its part of a board."""
        imbalance, noise = self.imbalance, self.noise
        along = f" ({_confusion(noise)})" if noise and noise.along else ""
        return {
            "imbalance_ratio": f"{imbalance.ratio:g}" if imbalance else "",
            "imbalance_profile": imbalance.profile if imbalance else "",
            "label_noise": f"{noise.share:g}{along}" if noise else "",
        }

    @property
    def suffix(self) -> str:
        """What the name of its experiment ends in."""
        parts = [f"ratio_{self.imbalance.ratio:g}"] if self.imbalance else []
        parts += [f"noise_{self.noise.share:g}"] if self.noise else []
        return "-".join(parts)

    @property
    def words(self) -> str:
        """For people."""
        return in_words(self.tags)


@dataclass(frozen=True, eq=False)
class UsedImages:
    """Which images a board uses, and their labels (N,) int32, those of the training split maybe noisy."""

    variant: Variant
    parts: Split
    labels: np.ndarray


def in_words(board: Mapping[Any, Any]) -> str:
    """What was done to the training split of a board, from its tags; "" where nothing was."""
    words = []
    if ratio := board.get("imbalance_ratio"):
        step = board.get("imbalance_profile") == "step"
        words.append(f"imbalance ratio {ratio}{' (step)' if step else ''}")
    if noise := board.get("label_noise"):
        along = noise.removeprefix(dose_of(noise))
        words.append(f"label noise {100 * float(dose_of(noise)):g} %{along}")
    return ", ".join(words)


def dose_of(tag: str) -> str:
    """The number that a tag of OPTIONS begins with, as it is written: 0.2 of `0.2 (fear > sad)`."""
    return tag.partition(" ")[0]


def chosen_by(board: Mapping[Any, Any]) -> dict[str, str]:
    """Values of the options that choose the training set of a board, by name, from its tags; "" for none."""
    return {option: dose_of(board.get(name, "")) for option, name in OPTIONS.items()}


def variants(
    spec: StudySpec,
    images: FaceImages,
    imbalance_ratio: float | None = None,
    label_noise: float | None = None,
) -> list[Variant]:
    """The training sets of a study; the one that does nothing where it lists none.

    `imbalance_ratio` and `label_noise` are the only value to be taken, in place of those that are listed.
    Raises UserError for a ratio below 1, and as `fer_bench.data.splits.split` does.
    """
    ratios = (spec.imbalance_ratio or ()) if imbalance_ratio is None else (imbalance_ratio,)
    shares = (spec.label_noise or ()) if label_noise is None else (label_noise,)
    imbalances = _imbalances(spec, images, ratios) if ratios else [None]
    along = {name: dict(others) for name, others in spec.label_noise_along.items()}
    noises = [None if share is None else LabelNoise(float(share), along) for share in shares or (None,)]
    return [Variant(imbalance, noise) for imbalance in imbalances for noise in noises]


def _imbalances(spec: StudySpec, images: FaceImages, ratios: Sequence[float]) -> list[Imbalance]:
    """An imbalance for each ratio; the total is that which those of the study and these can have."""
    counts = images.counts(split(images, spec.split).train)
    totals = {
        ratio: largest_total(counts, ratio, spec.imbalance_profile)
        for ratio in (*(spec.imbalance_ratio or ()), *ratios)
    }
    if spec.total == "constant":
        totals = dict.fromkeys(totals, min(totals.values()))
    most = spec.train_images or len(images)
    return [Imbalance(float(ratio), spec.imbalance_profile, min(totals[ratio], most)) for ratio in ratios]


def _confusion(noise: LabelNoise) -> str:
    """A confusion in one line: disgust > angry, fear > 0.6 sad + 0.4 surprise."""

    def others(weights: Mapping[str, float]) -> str:
        return (
            " + ".join(weights) if len(weights) == 1 else " + ".join(f"{w:g} {n}" for n, w in weights.items())
        )

    return ", ".join(f"{name} > {others(weights)}" for name, weights in noise.along.items())
