"""Scaling of weights to the stream that is sampled."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES, normalised_weights


def test_class_weights_in_the_stream_keep_their_proportions_and_have_mean_1():
    # Counts 1 : 3. Balanced weights are 4/(2*1) = 2 and 4/(2*3) = 2/3, of mean 1/4*2 + 3/4*2/3 = 1.
    terms = STRATEGIES["class_weights"]().loss_terms(np.array([1, 3]), 0.0)
    np.testing.assert_allclose(terms.weights, [2, 2 / 3])
    np.testing.assert_allclose(normalised_weights(terms, np.array([0.25, 0.75])), [2, 2 / 3])
    # On a flat stream their mean is 4/3: divided by it.
    np.testing.assert_allclose(normalised_weights(terms, np.array([0.5, 0.5])), [1.5, 0.5])
