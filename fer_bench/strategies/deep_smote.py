"""DeepSMOTE: rare classes get further images, decoded from SMOTE's examples in the code of an autoencoder.

    x' = D(E(x_i) + u (E(x_j) - E(x_i))),   u ~ U(0, 1),   E(x_j) one of the 5 nearest of E(x_i) in its class

Until class c has n'_c = max(n_c, ratio * n_max) of them. Encoder E and decoder D are trained on all training
images, before the net is, to minimise

    sum_i |D(E(x_i)) - x_i|^2 + sum_i |D(E(x_s(i))) - x_i|^2

where the x_i of the second sum are of one class, and s puts them into another order. (In the authors' code
the originals are put into that order too, so that it is a reconstruction like the first.)

What it draws of FER-2013 are no faces to tell an expression by: the best answer to the second sum is the mean
face of a class, so that images come out as pale blurs between themselves and that mean, with half the
contrast, mouth and eyes washed out. A net twice as wide, or twice the epochs, drew much the same. On 4,000 of
its images macro-F1 behind a frozen MobileNetV2 was 33.7 % with such images, 34.9 % without, and 35.8 % with
oversampling. A run's `made_images.png` shows some, beside real ones.
Dablain, Krawczyk and Chawla, DeepSMOTE: Fusing Deep Learning and SMOTE for Imbalanced Data, IEEE Transactions
on Neural Networks and Learning Systems 34, 2023. https://arxiv.org/abs/2105.02340
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.smote import add_rows, raised


@STRATEGIES.register("deep_smote")
@dataclass(frozen=True)
class DeepSmote(Strategy):
    """Images for rare classes, made by an autoencoder and SMOTE in its code."""

    caution = "made faces are pale blurs, on FER-2013 without a clear expression: see made_images.png"

    ratio: float = tunable(1.0, low=0.1, high=1.0)

    def image_counts(self, class_counts: np.ndarray) -> np.ndarray:
        """Counts (K,) in which each class that is there has at least ratio * n_max images."""
        return raised(class_counts, self.ratio)

    def resample_codes(
        self, codes: np.ndarray, labels: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes (M, d) and labels (M,): those given, then the synthetic ones."""
        return add_rows(codes, labels, self.image_counts(np.bincount(labels)), seed)
