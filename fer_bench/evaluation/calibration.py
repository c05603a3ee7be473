"""Whether probabilities are true: expected calibration error, in bins of as many images each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BINS = 15
SMALLEST = 20  # images of a bin: fewer would differ from their confidence by chance alone


class Bins(NamedTuple):
    """Images in order of confidence, as many in each bin, give or take one: means and counts (B,)."""

    confidence: np.ndarray
    accuracy: np.ndarray
    images: np.ndarray


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> Bins:
    """Mean confidence and share correct in bins of equal mass; confidence (n,) float, correct (n,) bool.

    At most `bins`, and fewer where they would have less than SMALLEST images; none without images.
    """
    count = min(bins, max(1, len(confidence) // SMALLEST)) if len(confidence) else 0
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, count) if count else []
    return Bins(
        np.array([confidence[part].mean() for part in parts]),
        np.array([correct[part].mean() for part in parts]),
        np.array([len(part) for part in parts], int),
    )


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Mean over images of how far their bin's confidence is from its accuracy; NaN without images.

    What is computed from n images is too large by chance, the more so the fewer they are. Source: Nixon et
    al. 2019, https://arxiv.org/abs/1904.01685 (adaptive bins).
    """
    found = reliability(confidence, correct)
    if not len(found.images):
        return np.nan
    return float(np.average(np.abs(found.confidence - found.accuracy), weights=found.images))


def class_calibration_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Calibration error (K,) among the images that are taken for each class; NaN where none is.

    labels (n,) int, probabilities (n, K). Averaged over all images, the error of a rare class would vanish
    among those that nobody takes for it (top-label calibration; Gupta and Ramdas 2022,
    https://arxiv.org/abs/2107.08353).
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    mine = [predicted == label for label in range(probabilities.shape[1])]
    return np.array([calibration_error(confidence[each], labels[each] == k) for k, each in enumerate(mine)])
