"""The contract of strategies, on training splits that are imbalanced, balanced or lack a class."""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import ClassVar, get_args

import numpy as np
import pytest

from fer_bench.search_space import ranges, suggest
from fer_bench.strategies.base import EXPERTS, STRATEGIES, Head, LossTerms, Strategy, normalised_weights
from fer_bench.study.prior import effective_prior, is_no_op, sampled_shares, tilts_beyond_flat
from fer_bench.testing.after_training import AfterTraining
from fer_bench.testing.training_splits import (
    BALANCED,
    FER2013,
    IMBALANCED,
    NEARLY_EMPTY,
    STAGES,
    WITHOUT_DISGUST,
    features_of,
    labels_of,
    with_counts,
)

# Hooks that tell how many rows of each class there will be, and that make them.
MAKING = [("feature_counts", "resample_features"), ("image_counts", "resample_codes")]


class RandomTrial:
    """Draws parameters as a random search does; in the place of an `optuna.Trial`."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw one float, uniform or uniform in the logarithm."""
        if log:
            return float(np.clip(np.exp(self._random.uniform(np.log(low), np.log(high))), low, high))
        return float(self._random.uniform(low, high))


class StrategyContract(AfterTraining):
    """Tests of the strategy registered as `name`: its defaults, both ends of its ranges, a random draw."""

    name: ClassVar[str]

    @pytest.fixture
    def entry(self) -> type[Strategy]:
        """The strategy's class."""
        return STRATEGIES[self.name]

    @pytest.fixture(params=["defaults", "lows", "highs", "drawn"])
    def strategy(self, request: pytest.FixtureRequest, entry: type[Strategy]) -> Strategy:
        """The strategy with one choice of its parameters."""
        if request.param == "defaults":
            return entry()
        if request.param == "drawn":
            return entry(**suggest(RandomTrial(1), ranges(entry)))
        end = request.param[:-1]
        return entry(**{field: getattr(span, end) for field, span in ranges(entry).items()})

    def test_its_file_says_what_it_is_by_which_formula_and_from_where(self, entry: type[Strategy]) -> None:
        """`fer-bench list` shows the first line; a formula without its source can't be checked."""
        text = sys.modules[entry.__module__].__doc__ or ""
        first, _, rest = text.partition("\n")
        assert re.match(r"[A-Z].{20,}[.:]$", first.strip()), "the first line says what it is"
        assert re.search(r"^ {4}\S.*=", rest, re.MULTILINE), "an indented line holds the formula"
        assert re.search(r"\b(1[89]|20)\d\d\b", rest), "a citation has a year"
        assert re.search(r"https?://\S+\.\S+", rest), "and a link"

    def test_it_is_a_frozen_dataclass_whose_defaults_lie_in_their_ranges(self, entry: type[Strategy]) -> None:
        """Fields are hashed into the key of a cell, and each is searched in its own range.

        There are two at most: with more, the same number of trials would not be the same budget.
        """
        assert issubclass(entry, Strategy)
        assert entry.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert entry.__doc__
        fields = {field.name for field in dataclasses.fields(entry)}
        assert set(ranges(entry)) == fields, "every field is tunable"
        assert len(fields) <= 2
        for field, span in ranges(entry).items():
            assert getattr(entry(), field) in span
            assert span.low < span.high
        assert entry.head in get_args(Head), "no field hides the class attribute"
        assert 0 <= entry().selectable_from < 1

    def test_a_search_can_draw_it(self, entry: type[Strategy]) -> None:
        """Whatever is drawn lies in the ranges and makes a strategy."""
        for seed in range(3):
            strategy = entry(**suggest(RandomTrial(seed), ranges(entry)))
            assert all(getattr(strategy, field) in span for field, span in ranges(entry).items())

    @with_counts(imbalanced=IMBALANCED, without_disgust=WITHOUT_DISGUST, balanced=BALANCED)
    def test_its_pool_is_valid_and_keeps_every_class(self, strategy: Strategy, counts: np.ndarray) -> None:
        """`resample` gives indices into the labels, the same for the same seed."""
        labels = labels_of(counts)
        for progress in STAGES:
            pool = strategy.resample(labels, 3, progress)
            assert pool.ndim == 1
            assert np.issubdtype(pool.dtype, np.integer)
            assert len(pool)
            assert 0 <= pool.min() <= pool.max() < len(labels)
            assert set(labels[pool]) == set(labels)
            again = strategy.resample(labels, 3, progress)
            np.testing.assert_array_equal(pool, again, "a seed means one pool")

    def test_its_pool_does_not_touch_the_global_generator_or_the_labels(self, strategy: Strategy) -> None:
        """Randomness comes from the seed alone, or runs can't be repeated."""
        labels = labels_of(IMBALANCED)
        labels_before, state_before = labels.copy(), global_generator()
        strategy.resample(labels, 3, 0.0)
        np.testing.assert_array_equal(labels, labels_before)
        assert global_generator() == state_before

    @pytest.mark.parametrize("seed", [0, 2**31 - 1])
    def test_its_pool_takes_any_seed_that_is_derived(self, strategy: Strategy, seed: int) -> None:
        """Seeds are whole numbers from 0 to 2^31 - 1."""
        assert len(strategy.resample(labels_of(IMBALANCED), seed, 0.0))

    @with_counts(imbalanced=IMBALANCED, fer2013=FER2013, without_disgust=WITHOUT_DISGUST, balanced=BALANCED)
    def test_its_loss_terms_are_finite_and_its_weights_have_mean_1(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """Terms are a number or one per class; weights are scaled to mean 1 over what is sampled."""
        for progress in STAGES:
            terms = strategy.loss_terms(counts, progress)
            for term in dataclasses.fields(LossTerms):
                value = getattr(terms, term.name)
                if value is not None:
                    assert np.isfinite(value).all(), term.name
                    assert np.shape(value) in allowed_shapes(term.name, strategy.head, len(counts)), term.name
                    assert term.name == "shift" or np.all(np.asarray(value) >= 0), term.name
            assert np.all(np.asarray(terms.scale) > 0)
            assert terms.box_cox <= 1
            assert np.all(np.asarray(terms.suppression) < 1)
            assert terms.smoothing is None or np.all(np.asarray(terms.smoothing) < 1)
            shares = sampled_shares(strategy, labels_of(counts), len(counts), progress)
            weights = normalised_weights(terms, shares)
            assert weights.shape == shares.shape
            assert shares @ weights == pytest.approx(1, abs=1e-12)
            assert np.all(weights[counts > 0] > 0), "no class that is there is thrown away"

    @with_counts(imbalanced=IMBALANCED, without_disgust=WITHOUT_DISGUST, balanced=BALANCED)
    def test_its_mixing_is_by_shares_of_classes_that_are_there(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """Shares lie in [0, 1], and the second images' classes have probabilities (K,)."""
        stages = (strategy.mixing(counts, progress) for progress in STAGES)
        for mixing in filter(None, stages):
            assert 0 < mixing.alpha < np.inf
            assert 0 <= mixing.share <= 1
            assert 0 <= mixing.threshold <= 1
            assert mixing.kappa > 1, "the rarer of two labels is rarer"
            if mixing.partners is not None:
                assert mixing.partners.shape == counts.shape
                assert np.all(mixing.partners >= 0)
                assert np.all(mixing.partners[counts == 0] == 0)
                assert mixing.partners.sum() == pytest.approx(1)

    def test_it_survives_a_class_without_images(self, strategy: Strategy) -> None:
        """Nothing is divided by the count of an absent class; its share of the prior is 0."""
        labels = labels_of(WITHOUT_DISGUST)
        prior = effective_prior(strategy, labels, 7)
        assert np.isfinite(prior).all()
        assert prior[1] == 0
        assert np.isfinite(strategy.adjust_logits(np.zeros((2, 7), np.float32), WITHOUT_DISGUST)).all()
        tilts_beyond_flat(prior, WITHOUT_DISGUST)
        is_no_op(strategy, labels, 7)

    @with_counts(imbalanced=IMBALANCED, balanced=BALANCED)
    def test_its_effective_prior_is_a_distribution_and_not_beyond_flat(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """Of sampling, weights, shift and adjusted logits together; see `fer_bench.study.prior`."""
        prior = effective_prior(strategy, labels_of(counts), 7)
        assert prior.shape == (7,)
        assert np.all(prior > 0)
        assert prior.sum() == pytest.approx(1)
        if strategy == type(strategy)():
            assert not tilts_beyond_flat(prior, counts), "with its defaults, a strategy corrects once at most"

    def test_it_does_no_harm_to_balanced_data(self, strategy: Strategy) -> None:
        """Where there is no imbalance to answer, shares and decisions stay as they are."""
        labels = labels_of(BALANCED)
        np.testing.assert_allclose(effective_prior(strategy, labels, 7), 1 / 7, rtol=1e-6)
        np.testing.assert_allclose(sampled_shares(strategy, labels, 7), 1 / 7)
        logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
        adjusted = strategy.adjust_logits(logits, BALANCED)
        np.testing.assert_array_equal(adjusted.argmax(1), logits.argmax(1))

    @with_counts(imbalanced=IMBALANCED, without_disgust=WITHOUT_DISGUST, balanced=BALANCED, fer2013=FER2013)
    def test_its_augmentation_strengths_are_factors_that_leave_balanced_data_alone(
        self, strategy: Strategy, counts: np.ndarray
    ) -> None:
        """A factor for each class, not negative; 1 where all classes are equally common."""
        factors = strategy.augment_strength(counts)
        assert factors.shape == counts.shape
        assert np.isfinite(factors).all()
        assert np.all(factors >= 0)
        if len(set(counts.tolist())) == 1:
            np.testing.assert_array_equal(factors, 1)

    @pytest.mark.parametrize(("told", "make"), MAKING)
    @with_counts(
        imbalanced=IMBALANCED,
        without_disgust=WITHOUT_DISGUST,
        balanced=BALANCED,
        nearly_empty=NEARLY_EMPTY,
    )
    def test_rows_it_makes_come_behind_those_given_in_the_numbers_it_told(
        self, strategy: Strategy, counts: np.ndarray, told: str, make: str
    ) -> None:
        """Of features and of images' codes: of each class as many as it said, within the class's own box."""
        labels = labels_of(counts)
        features, resample = features_of(labels), getattr(strategy, make)
        announced = getattr(strategy, told)(counts)
        assert np.issubdtype(announced.dtype, np.integer)
        assert announced.shape == counts.shape
        assert np.all(announced >= counts)
        assert np.all(announced[counts == 0] == 0)
        rows, row_labels = resample(features, labels, 3)
        np.testing.assert_array_equal(rows[: len(labels)], features)
        np.testing.assert_array_equal(row_labels[: len(labels)], labels)
        np.testing.assert_array_equal(np.bincount(row_labels, minlength=7), announced)
        assert (rows.dtype, row_labels.dtype) == (np.float32, np.int32)
        assert rows.shape == (len(row_labels), 6)
        for label in set(row_labels.tolist()):
            images, of_class = features[labels == label], rows[row_labels == label]
            assert np.all((images.min(0) <= of_class) & (of_class <= images.max(0)))
        again, _ = resample(features, labels, 3)
        np.testing.assert_array_equal(rows, again, "a seed means one set of rows")

    @pytest.mark.parametrize("make", [make for _, make in MAKING])
    def test_rows_it_makes_leave_those_given_and_the_global_generator_alone(
        self, strategy: Strategy, make: str
    ) -> None:
        """As its pool does."""
        labels = labels_of(IMBALANCED)
        features = features_of(labels)
        before, state_before = (features.copy(), labels.copy()), global_generator()
        for seed in (0, 2**31 - 1):
            getattr(strategy, make)(features, labels, seed)
        np.testing.assert_array_equal(features, before[0])
        np.testing.assert_array_equal(labels, before[1])
        assert global_generator() == state_before


def allowed_shapes(term: str, head: Head, classes: int) -> list[tuple[int, ...]]:
    """Shapes that a term of the loss may have, of a strategy with this head."""
    if term in ("gamma", "box_cox", "influence"):
        return [()]
    of_experts = [(EXPERTS, classes)] if term == "shift" and head == "experts" else []
    return [(), (classes,), *of_experts]


def global_generator() -> list[int]:
    """State of NumPy's global generator, with how much of it is used up."""
    state = np.random.get_state(legacy=False)["state"]
    return [*state["key"].tolist(), state["pos"]]
