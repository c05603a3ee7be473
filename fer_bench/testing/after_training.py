"""The part of the contract of strategies that is about logits, heads and decisions once a net is trained."""

from __future__ import annotations

import numpy as np

from fer_bench.strategies.base import Strategy, overrides
from fer_bench.testing.training_splits import (
    BALANCED,
    IMBALANCED,
    WITHOUT_DISGUST,
    calibrated_logits,
    labels_of,
    with_counts,
)


class AfterTraining:
    """Tests of a `strategy`, which is a fixture of `StrategyContract`."""

    def test_its_logits_keep_shape_and_type_and_leave_the_input_alone(self, strategy: Strategy) -> None:
        """`adjust_logits` gives finite float32 of the same shape."""
        logits = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
        logits_before = logits.copy()
        adjusted = strategy.adjust_logits(logits, IMBALANCED)
        assert adjusted.shape == logits.shape
        assert adjusted.dtype == np.float32
        assert np.isfinite(adjusted).all()
        np.testing.assert_array_equal(logits, logits_before)

    @with_counts(imbalanced=IMBALANCED, without_disgust=WITHOUT_DISGUST, balanced=BALANCED)
    def test_a_head_that_it_adjusts_stays_one_that_computes_logits(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """Kernel (d, K) and bias (K,) stay finite; the means of a class without images are NaN."""
        assert strategy.head != "cosine" or not overrides(type(strategy), "adjust_head"), "it has no bias"
        random = np.random.default_rng(0)
        kernel, bias = (random.normal(size=shape).astype(np.float32) for shape in ((6, 7), 7))
        means = np.where(counts[:, None] > 0, random.normal(size=(7, 6)), np.nan)
        before = kernel.copy(), bias.copy(), means.copy()
        for weights in (kernel, np.zeros_like(kernel)):
            found = strategy.adjust_head(weights, bias, counts, lambda: means)
            assert [part.shape for part in found] == [(6, 7), (7,)]
            assert all(np.isfinite(part).all() for part in found)
        for given, copy in zip((kernel, bias, means), before, strict=True):
            np.testing.assert_array_equal(given, copy)

    @with_counts(imbalanced=IMBALANCED, without_disgust=WITHOUT_DISGUST, balanced=BALANCED)
    def test_a_decision_that_it_fits_is_an_offset_for_each_class(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """Finite, the same again, and nothing that it is given is changed."""
        labels = labels_of(counts)
        logits = calibrated_logits(labels, counts, 1)
        before = logits.copy(), labels.copy()
        offsets = strategy.fit_decision(logits, labels, counts)
        assert offsets.shape == (7,)
        assert np.isfinite(offsets).all()
        np.testing.assert_array_equal(offsets, strategy.fit_decision(logits, labels, counts))
        np.testing.assert_array_equal(logits, before[0])
        np.testing.assert_array_equal(labels, before[1])

    def test_a_decision_that_it_fits_does_no_harm_to_other_images_of_balanced_data(
        self, strategy: Strategy
    ) -> None:
        """Of calibrated logits the largest is right most often: at most two points are lost to chance."""
        labels = labels_of(20 * BALANCED)
        offsets = strategy.fit_decision(calibrated_logits(labels, BALANCED, 1), labels, BALANCED)
        others = calibrated_logits(labels, BALANCED, 2)
        right = [np.mean((others + added).argmax(axis=1) == labels) for added in (offsets, 0 * offsets)]
        assert right[0] > right[1] - 0.02
