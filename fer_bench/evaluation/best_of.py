"""What the best of n trials may be expected to reach."""

from __future__ import annotations

import numpy as np
from scipy.special import comb


def expected_best(values: np.ndarray) -> np.ndarray:
    """Expected highest value of 1, 2, ... N draws (N,) from the distribution that `values` (N,) came from.

    The mean over all subsets of n of the N values, which has no bias (U statistic), where these are
    independent draws: of a search only those slots that are drawn blindly. Source: Tang et al. 2020, An
    empirical investigation of the expected validation performance, https://arxiv.org/abs/2004.13705.
    """
    ordered = np.sort(np.asarray(values, float))
    count = len(ordered)
    sizes, places = np.arange(1, count + 1)[:, None], np.arange(count)
    # The value in place i is the highest of a subset whose other n - 1 come from the i before it.
    return (comb(places, sizes - 1) / comb(count, sizes)) @ ordered if count else np.empty(0)
