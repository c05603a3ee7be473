"""What a strategy is: data about sampling, loss and logits, which can be checked before anything trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from fer_bench.registry import Registry

STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "fer_bench.strategies")


@dataclass(frozen=True)
class LossTerms:
    """The terms of the loss that strategies share; the defaults make it cross-entropy.

    L(z, y) = sum_c t_c w_c (1 - p_c)^gamma phi(p_c),  p = softmax(scale (z - margins_y e_y) + shift),
    phi(p) = (1 - p^box_cox) / box_cox, which is - log p where box_cox is 0,

    with t the target after smoothing and mixing. Each field is a float, the same for all classes, or, where
    its type says so, a float array (K,).
    """

    weights: np.ndarray | float = 1.0
    gamma: float = 0.0
    margins: np.ndarray | float = 0.0
    scale: np.ndarray | float = 1.0
    shift: np.ndarray | float = 0.0
    """Added to the logits in training alone; (EXPERTS, K) for a head of experts, whose mean decides."""
    smoothing: np.ndarray | float | None = field(default=None)
    """Share of the target spread evenly over all classes, per true class; None leaves it to the recipe."""
    box_cox: float = 0.0
    """From cross-entropy, 0, to 1 - p, 1, which wrong labels disturb less."""
    suppression: np.ndarray | float = 0.0
    """Probability that an image of another class leaves a class out of the sum of the softmax."""
    influence: float = 0.0
    """Exponent of an image's influence |p - e_y|_1 |h|_1, h the features that the logits are computed from;
    its loss is divided by that, and the factors scaled to mean 1 over the batch."""


@dataclass(frozen=True)
class Mixing:
    """How two training images are mixed into one, and their targets with them.

    The first has a share ~ Beta(alpha, alpha), in pixels, or in features where a phase trains on these; its
    label has the same share of the target, but where the rule of `kappa` and `threshold` gives one label all.
    """

    alpha: float
    share: float = 1.0
    """Share of the images that are mixed at all."""
    box: bool = False
    """Paste a rectangle of the second into the first, in pixels, instead of a weighted sum."""
    partners: np.ndarray | None = None
    """Probability (K,) that the second image is of a class; None takes it as images are sampled."""
    kappa: float = math.inf
    threshold: float = 0.0
    """Of two labels whose counts differ by a factor `kappa` or more the rarer gets the whole target where the
    share of the commoner one's image is below `threshold`; infinity never does that."""


Head = Literal["linear", "fresh", "cosine", "scaled", "experts"]
"""The layer that computes the logits, in the phases that a strategy acts in.

linear: as it is, going on from the shared phases; fresh: the whole head drawn anew; cosine: of features and
kernel normalised, without bias; scaled: frozen, with one learnt factor per class; experts: EXPERTS of them.
"""

EXPERTS = 3

ClassMeans = Callable[[], np.ndarray]
"""Means (K, d) float64 of the training images' features by class, NaN for one without images."""


@dataclass(frozen=True)
class Strategy:
    """One answer to class imbalance: a frozen dataclass of `tunable` fields and of the hooks it overrides.

    A strategy sees labels, counts, features, codes and logits, never images, model or study. `progress`
    in [0, 1] is the share of training steps done, for methods that change on the way; it counts from the end
    of the phases that strategies share. Where `head`, `mixing`, or a term of the loss that is marked so
    needs another training step, that one is compiled beside the common one.
    """

    head: ClassVar[Head] = "linear"

    caution: ClassVar[str] = ""
    """What whoever reads a board has to know of the method: a warning of each of its cells."""

    @property
    def selectable_from(self) -> float:
        """Progress before which no epoch is kept as the best: for methods that begin late; by default 0."""
        return 0.0

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Pool that epochs draw from: indices (M,) into labels (N,) int32; by default every image once."""
        return np.arange(len(labels))

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """Terms of the loss, from the (K,) counts of the training split; by default cross-entropy's."""
        return LossTerms()

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Logits (N, K) float32 that predictions are taken from; by default unchanged."""
        return logits

    def augment_strength(self, class_counts: np.ndarray) -> np.ndarray:
        """Factor on the augmentation's strength for each class, (K,), not negative; by default 1."""
        return np.ones(len(class_counts))

    def feature_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) int of the classes after `resample_features`, none smaller; by default unchanged."""
        return class_counts

    def resample_features(
        self, features: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, d) float32 and labels (N,) int32, first those given, then new ones made from them.

        Called in phases that train on features of a frozen trunk, if `feature_counts` asks for more rows than
        there are images; each pass through the pool then includes them all. By default nothing is added.
        """
        return features, labels

    def image_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) int of the classes with images that are made, none smaller; by default unchanged."""
        return class_counts

    def resample_codes(
        self, codes: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (N, d) float32 and labels (N,) int32, first those given, then new ones made from them.

        Called when a training begins, if `image_counts` asks for more images than there are: the codes are
        an autoencoder's of the training images, and the new ones are decoded into further images, which all
        phases train on from then on. By default nothing is added.
        """
        return codes, labels

    def mixing(self, class_counts: np.ndarray, progress: float) -> Mixing | None:
        """How images are mixed in an epoch; by default not at all."""
        return None

    def adjust_head(
        self, kernel: np.ndarray, bias: np.ndarray, class_counts: np.ndarray, class_means: ClassMeans
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) of the logits after training; by default unchanged.

        `class_means` passes over the training images when it is called.
        """
        return kernel, bias

    def fit_decision(self, logits: np.ndarray, labels: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        """Offsets (K,) added to adjusted logits, fitted to (n, K) of validation; by default zeros.

        Scores of validation are cross-fitted: each fifth of it is decided by what the rest says.
        """
        return np.zeros(logits.shape[1])


def overrides(strategy: type[Strategy], hook: str) -> bool:
    """Whether a strategy has a hook of its own, of this name."""
    return getattr(strategy, hook) is not getattr(Strategy, hook)


def normalised_weights(
    terms: LossTerms, shares: np.ndarray, smoothing: np.ndarray | float = 0.0
) -> np.ndarray:
    """Class weights (K,) float64 scaled to mean 1 over the targets of the sampled stream.

    `shares` (K,) are those of its labels. Of an image of class y a share `smoothing` (K,) of the target is
    spread over all classes, and brings in their weights. So weights don't change the size of the gradients,
    which would act like another learning rate.
    """
    weights = np.broadcast_to(np.asarray(terms.weights, float), shares.shape)
    spread = shares * smoothing
    return weights / ((shares - spread) @ weights + spread.sum() * weights.mean())
