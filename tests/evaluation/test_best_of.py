"""The expected best by hand, by all subsets, and by drawing."""

from itertools import combinations

import numpy as np
import pytest

from fer_bench.evaluation.best_of import expected_best


def test_by_hand():
    # Of two of 1, 2, 4 the best is 2, 4 or 4.
    np.testing.assert_allclose(expected_best(np.array([4.0, 1, 2])), [7 / 3, 10 / 3, 4])
    assert expected_best(np.empty(0)).shape == (0,)


def test_it_is_the_mean_over_all_subsets_ties_included():
    values = np.array([0.3, 0.5, 0.5, 0.1, 0.9, 0.2, 0.4])
    for size, found in enumerate(expected_best(values), start=1):
        assert found == pytest.approx(np.mean([max(some) for some in combinations(values, size)]))


def test_it_has_no_bias():
    rng = np.random.default_rng(0)
    found = np.mean([expected_best(rng.random(7))[2] for _ in range(4000)])
    assert found == pytest.approx(3 / 4, abs=0.01), "the expected best of three uniform draws"
