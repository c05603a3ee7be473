"""Random under-sampling: of common classes only some images are drawn, other ones in each pass.

    n'_c = min(n_c, ratio * n_min)

Ratio 1 makes all classes as common as the rarest. A pass is then short (on FER-2013 a tenth of the images),
and as all strategies train for the same number of steps, there are more of them: nothing is lost for good, as
it would be if the images were drawn once.
Batista, Prati and Monard, A study of the behavior of several methods for balancing machine learning
training data, SIGKDD Explorations 6(1), 2004. https://doi.org/10.1145/1007730.1007735
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.strategies.pools import pool_of_counts


@STRATEGIES.register("undersampling")
@dataclass(frozen=True)
class Undersampling(Strategy):
    """Omission of the common."""

    ratio: float = tunable(1.0, low=1.0, high=8.0, log=True)

    def resample(self, labels: np.ndarray, seed: int, progress: float) -> np.ndarray:
        """Indices (M,) in which each class of labels (N,) has at most ratio * n_min images, none twice."""
        counts = np.bincount(labels)
        most = round(self.ratio * counts[counts > 0].min())
        return pool_of_counts(labels, np.minimum(counts, most), seed)
