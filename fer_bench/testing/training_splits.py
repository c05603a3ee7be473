"""Training splits that strategies are tested on: imbalanced, balanced or without a class."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import numpy as np

# Images of each class in the training split: angry, disgust, fear, happy, neutral, sad, surprise.
FER2013 = np.array([3995, 436, 4097, 7215, 4965, 4830, 3171])
IMBALANCED = np.array([40, 4, 41, 72, 50, 48, 32])
BALANCED = np.array([20] * 7)
WITHOUT_DISGUST = np.array([40, 0, 41, 72, 50, 48, 32])
NEARLY_EMPTY = np.array([9, 1, 30, 2, 5, 6, 7])

STAGES = (0.0, 0.5, 1.0)  # shares of a training that are over


def with_counts(**splits: np.ndarray) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each of these class counts (K,), as `counts`, and tell by its name each that fails.

    One test for all of them, as a test for each takes longer to start than to run. Called with `counts`, the
    test runs with these alone.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)

        @functools.wraps(test)
        def with_each(*given: object, **named: object) -> None:
            if "counts" in signature.bind_partial(*given, **named).arguments:
                return test(*given, **named)
            failures = []
            for name, counts in splits.items():
                try:
                    test(*given, counts=counts, **named)
                except Exception as failure:
                    failure.add_note(f"with the class counts {name}: {counts.tolist()}")
                    failures.append(failure)
            if len(failures) > 1:
                raise ExceptionGroup(f"with {len(failures)} of {len(splits)} class counts", failures)
            if failures:
                raise failures[0]

        kept = [parameter for name, parameter in signature.parameters.items() if name != "counts"]
        with_each.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return with_each

    return decorate


def labels_of(counts: np.ndarray) -> np.ndarray:
    """Labels (N,) int32 with these counts (K,), shuffled, the same ones every time."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(labels).astype(np.int32)


def features_of(labels: np.ndarray) -> np.ndarray:
    """Six features of each label (N,), random and the same ones every time: (N, 6) float32."""
    return np.random.default_rng(1).normal(size=(len(labels), 6)).astype(np.float32)


def calibrated_logits(labels: np.ndarray, class_counts: np.ndarray, seed: int) -> np.ndarray:
    """Logits (n, K) float32 of labels (n,) whose softmax is the probability of each class.

    Those of Gaussian classes around the axes, drawn with the shares of the counts (K,).
    """
    distance, classes = 1.5, len(class_counts)
    noise = np.random.default_rng(seed).normal(size=(len(labels), classes))
    evidence = distance * (distance * np.eye(classes)[labels] + noise)
    return (evidence + np.log(np.maximum(class_counts, 1) / class_counts.sum())).astype(np.float32)
