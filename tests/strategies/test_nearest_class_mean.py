"""Numbers of the formula, worked by hand, and that it ranks by distance."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES

RANDOM = np.random.default_rng(0)
MEANS, FEATURES = RANDOM.normal(size=(4, 3)) + 5, RANDOM.normal(size=(200, 3)) * 3 + 5


def head(means, kernel=None, bias=None):
    kernel = RANDOM.normal(size=means.T.shape) if kernel is None else kernel
    bias = np.zeros(len(means)) if bias is None else bias
    return STRATEGIES["nearest_class_mean"]().adjust_head(kernel, bias, np.ones(len(means)), lambda: means)


def distances(means):
    return np.linalg.norm(FEATURES[:, None] - means, axis=2)


def test_two_means_are_parted_half_way():
    # Means 1 and 5 around 3, the kernel as large as before (2, -2): -2 and 2, and zero difference at h = 3.
    kernel, bias = head(np.array([[1.0], [5.0]]), kernel=np.array([[2.0, -2.0]]))
    np.testing.assert_allclose(kernel, [[-2, 2]])
    np.testing.assert_allclose(bias, [4, -8])  # (3^2 - 1^2) / 2 and (3^2 - 5^2) / 2
    np.testing.assert_allclose(np.diff(3 * kernel[0] + bias), 0)


def test_the_nearest_mean_has_the_largest_logit_whatever_was_trained():
    kernel, bias = head(MEANS, bias=RANDOM.normal(size=4))
    logits = FEATURES @ kernel + bias
    np.testing.assert_array_equal(np.argsort(-logits), np.argsort(distances(MEANS)))
    spread = kernel - kernel.mean(axis=1, keepdims=True)
    assert np.isclose(np.linalg.norm(spread), np.linalg.norm(kernel))


def test_a_class_without_images_is_never_predicted_and_has_finite_logits():
    means = MEANS.copy()
    means[2] = np.nan
    kernel, bias = head(means)
    logits = FEATURES @ kernel + bias
    assert np.isfinite(logits).all()
    np.testing.assert_array_equal(logits.argmax(axis=1), np.nanargmin(distances(means), axis=1))
    assert 2 not in (100 * FEATURES @ kernel + bias).argmax(axis=1), "however far away"
