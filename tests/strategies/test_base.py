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


def test_class_weights_have_mean_1_over_smoothed_targets_too():
    # Of 0.2 spread over two classes, targets are 0.25 * 0.8 + 0.1 = 0.3 and 0.75 * 0.8 + 0.1 = 0.7.
    # The weights 2 and 2/3 have the mean 0.3 * 2 + 0.7 * 2/3 = 16/15 over these: they become 30/16 and 10/16.
    terms, shares = STRATEGIES["class_weights"]().loss_terms(np.array([1, 3]), 0.0), np.array([0.25, 0.75])
    weights = normalised_weights(terms, shares, 0.2)
    np.testing.assert_allclose(weights, [1.875, 0.625])
    # An image of the rare class counts 0.9 * 1.875 + 0.1 * 0.625 = 1.75, one of the other 0.75.
    counted = np.array([[0.9, 0.1], [0.1, 0.9]]) @ weights
    np.testing.assert_allclose(counted, [1.75, 0.75])
    assert shares @ counted == 1
    # Only the common class is smoothed: targets 0.25 + 0.75 * 0.1 = 0.325 and 0.75 * 0.9 = 0.675; mean 1.1.
    by_class = normalised_weights(terms, shares, np.array([0.0, 0.2]))
    np.testing.assert_allclose(by_class, [2 / 1.1, 2 / 3.3])
    np.testing.assert_array_equal(normalised_weights(terms, shares, 0.0), normalised_weights(terms, shares))


def test_weights_of_1_stay_1_whatever_is_smoothed():
    weights = normalised_weights(
        STRATEGIES["none"]().loss_terms(np.array([1, 3]), 0.0), np.array([0.1, 0.9]), 0.3
    )
    np.testing.assert_allclose(weights, [1, 1], rtol=1e-15)
