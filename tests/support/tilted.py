"""A strategy that adjusts logits by a scale and an offset."""

from dataclasses import dataclass

import numpy as np

from fer_bench.strategies.base import Strategy


@dataclass(frozen=True)
class Tilted(Strategy):
    """Scales the logits and takes tau times the log prior off them."""

    tau: float = 0.5

    def adjust_logits(self, logits: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
        prior = np.maximum(class_counts, 1) / class_counts.sum()
        return 1.5 * logits - np.float32(self.tau) * np.log(prior).astype(np.float32)
