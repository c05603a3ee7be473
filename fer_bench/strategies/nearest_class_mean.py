"""Nearest class mean: after plain training, an image is of the class whose mean features are the nearest.

    z_c = a (m_c . h - |m_c|^2 / 2) = - a |h - m_c|^2 / 2 + a |h|^2 / 2

m_c is the mean of the training images' features h in class c. The part with |h|^2 is the same for all
classes, so a linear head ranks them by Euclidean distance; how many images a class has plays no part. The
factor a changes no decision: it gives the kernel the size of the trained one, so that probabilities are about
as sharp.
Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
https://arxiv.org/abs/1910.09217
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import STRATEGIES, ClassMeans, Strategy

NEVER = 20.0  # by how much an absent class's logit stays below that of a class that is there


@STRATEGIES.register("nearest_class_mean")
@dataclass(frozen=True)
class NearestClassMean(Strategy):
    """The trained head replaced by one that is computed."""

    def adjust_head(
        self, kernel: np.ndarray, bias: np.ndarray, class_counts: np.ndarray, class_means: ClassMeans
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (d, K) and bias (K,) of the distances.

        A class without a mean has the logits of one that has, less a constant: finite, and never the largest.
        """
        means = class_means()
        seen = ~np.isnan(means[:, 0])
        means = np.where(seen[:, None], means, means[np.argmax(seen)])
        centre = means[seen].mean(axis=0)
        size = np.linalg.norm(means[seen] - centre)
        trained = np.linalg.norm((kernel - kernel[:, seen].mean(axis=1, keepdims=True))[:, seen])
        factor = trained / size if size > 0 and trained > 0 else 1.0
        offsets = (np.sum(centre**2) - np.sum(means**2, axis=1)) / 2
        return factor * (means - centre).T, factor * offsets - np.where(seen, 0.0, NEVER)
