"""No answer: plain cross-entropy on every image once, the control that all others are measured against.

    L = - log p_y

Cox, The regression analysis of binary sequences, J. Royal Statistical Society B 20(2), 1958.
https://doi.org/10.1111/j.2517-6161.1958.tb00292.x
"""

from dataclasses import dataclass

from fer_bench.strategies.base import STRATEGIES, Strategy


@STRATEGIES.register("none")
@dataclass(frozen=True)
class NoStrategy(Strategy):
    """Plain training, tuned on the same budget as everything else."""
