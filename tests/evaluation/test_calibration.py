"""Calibration errors by hand, and their bins by scikit-learn's."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from fer_bench.evaluation.calibration import calibration_error, class_calibration_errors, reliability


def test_two_bins_by_hand():
    # Twenty images at 0.6 of which 10 are right, twenty at 0.9 of which 20 are: off by 0.1 and by 0.1.
    confidence = np.repeat([0.9, 0.6], 20)
    correct = np.concatenate([np.ones(20, bool), np.arange(20) < 10])
    bins = reliability(confidence, correct)
    np.testing.assert_allclose(bins.confidence, [0.6, 0.9])
    np.testing.assert_allclose(bins.accuracy, [0.5, 1.0])
    assert bins.images.tolist() == [20, 20]
    assert calibration_error(confidence, correct) == pytest.approx(0.1)


def test_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    confidence = rng.random(900)
    correct = rng.random(900) < confidence**2
    accuracy, mean = calibration_curve(correct, confidence, n_bins=15, strategy="quantile")
    found = reliability(confidence, correct)
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.confidence, mean)
    assert set(found.images) == {60}


def test_calibrated_probabilities_have_little_error_and_others_what_they_are_off_by():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.3, 0.9, 30_000)
    correct = rng.random(30_000) < confidence
    assert calibration_error(confidence, correct) < 0.015
    assert calibration_error(confidence + 0.1, correct) == pytest.approx(0.1, abs=0.01)


def test_a_class_is_judged_by_the_images_that_are_taken_for_it():
    probabilities = np.array([[0.8, 0.1, 0.1]] * 30 + [[0.3, 0.6, 0.1]] * 10)
    labels = np.array([0] * 24 + [1] * 6 + [1] * 3 + [0] * 7)
    # Of 30 that are taken for class 0 by 0.8 there are 24 right: 0.8. Of 10 for class 1 by 0.6 only 3: 0.3.
    np.testing.assert_allclose(class_calibration_errors(labels, probabilities), [0, 0.3, np.nan], atol=1e-12)


def test_no_images_no_error():
    assert np.isnan(calibration_error(np.empty(0), np.empty(0, bool)))
    assert len(reliability(np.empty(0), np.empty(0, bool)).images) == 0
