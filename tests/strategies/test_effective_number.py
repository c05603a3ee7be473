"""Numbers of the formula, worked by hand, and its two ends."""

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import FER2013, WITHOUT_DISGUST


def weights(counts, ratio):
    return STRATEGIES["effective_number"](ratio).loss_terms(np.asarray(counts), 0.0).weights


def by_beta(counts, beta):
    effective = (1 - beta ** counts.astype(float)) / (1 - beta)
    return (1 / effective) / np.mean(1 / effective)


def test_the_weights_have_the_ratio_that_some_beta_gives():
    # beta = 1/2: E = 1 for one image, 1 + 1/2 + 1/4 = 7/4 for three. So 1 : 4/7, of mean 1.
    np.testing.assert_allclose(weights([1, 3], 1.75), [14 / 11, 8 / 11])
    for beta in (0.999, 0.9999, 0.99999):
        expected = by_beta(FER2013, beta)
        np.testing.assert_allclose(weights(FER2013, expected.max() / expected.min()), expected, rtol=1e-6)


def test_the_default_is_what_the_published_beta_gives_on_fer2013():
    published = by_beta(FER2013, 0.9999)
    assert published.max() / published.min() == pytest.approx(12.05, abs=0.01)
    np.testing.assert_allclose(weights(FER2013, STRATEGIES["effective_number"]().ratio), published, rtol=0.01)


def test_a_ratio_of_1_weighs_all_alike_and_one_out_of_reach_by_inverse_frequency():
    np.testing.assert_allclose(weights(FER2013, 1.0), 1)
    for ratio in (7215 / 436, 1e9):
        np.testing.assert_allclose(weights(FER2013, ratio) * FER2013, (weights(FER2013, ratio) * FER2013)[0])
    nearly = weights(FER2013, 7215 / 436 * (1 - 1e-6))
    np.testing.assert_allclose(nearly, weights(FER2013, 1e9), rtol=1e-4)


def test_a_class_without_images_weighs_nothing():
    found = weights(WITHOUT_DISGUST, 1.5)
    assert found[1] == 0
    seen = found[WITHOUT_DISGUST > 0]
    assert seen.max() / seen.min() == pytest.approx(1.5)
    assert seen.mean() == pytest.approx(1)
