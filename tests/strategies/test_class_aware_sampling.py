"""Numbers of the formula, worked by hand, and that it is weighting by rarity in expectation."""

import numpy as np

from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing.strategies import IMBALANCED, WITHOUT_DISGUST, labels_of

LABELS = labels_of(IMBALANCED)


def pool(seed=0, labels=LABELS):
    return STRATEGIES["class_aware_sampling"]().resample(labels, seed, 0.0)


def test_classes_that_are_there_are_equally_common_in_a_pass_of_the_same_length():
    assert np.bincount(LABELS[pool()]).tolist() == [41] * 7, "287 images"
    without = labels_of(WITHOUT_DISGUST)
    assert np.bincount(without[pool(labels=without)]).tolist() == [47, 0, 47, 47, 47, 47, 47]


def test_images_have_their_turn_before_one_comes_again():
    times = np.bincount(pool(), minlength=len(LABELS))
    assert set(times[LABELS == 3]) == {0, 1}, "41 of 72"
    assert sorted(times[LABELS == 1]) == [10, 10, 10, 11], "41 of 4"


def test_its_gradient_is_that_of_weights_by_rarity_in_expectation():
    random = np.random.default_rng(0)
    logits = random.normal(size=(len(LABELS), 7))
    gradient = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(7)[LABELS]
    weights = STRATEGIES["class_weights"]().loss_terms(IMBALANCED, 0.0).weights[LABELS]
    expected = (weights[:, None] * gradient).mean(axis=0)
    sampled = np.mean([gradient[pool(seed)].mean(axis=0) for seed in range(300)], axis=0)
    plain = gradient.mean(axis=0)
    np.testing.assert_allclose(sampled, expected, atol=2e-3)
    assert np.abs(plain - expected).max() > 0.05
