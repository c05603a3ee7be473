"""Vector-scaling loss: in training, rare classes' logits are made smaller, and the log prior is added.

    L = - log softmax(z / Delta + tau log pi)_y,   Delta_c = (n_max / n_c)^gamma

So a rare class has to bring larger logits, which it keeps in predictions. gamma 0 is logit_adjustment. The
effective prior knows tau alone, but gamma corrects as well: simulated with FER-2013's counts, the defaults
move decisions as far as tau 1 alone does, the source's gamma 0.3 and tau 1 as far as tau 1.5.
Kini et al., Label-Imbalanced and Group-Sensitive Classification under Overparameterization, NeurIPS 2021.
https://arxiv.org/abs/2103.01550
"""

from dataclasses import dataclass

import numpy as np

from fer_bench.search_space import tunable
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.strategies.logit_adjustment import log_prior


@STRATEGIES.register("vs_loss")
@dataclass(frozen=True)
class VsLoss(Strategy):
    """Factors and shifts of the logits by rarity."""

    gamma: float = tunable(0.15, low=0.0, high=0.4)
    tau: float = tunable(0.75, low=0.0, high=1.5)

    def loss_terms(self, class_counts: np.ndarray, progress: float) -> LossTerms:
        """A factor and a shift per class, (K,) each; a class without images has the commonest one's."""
        prior = log_prior(class_counts)
        return LossTerms(scale=np.exp(self.gamma * (prior - prior.max())), shift=self.tau * prior)
