"""The contract finds what is wrong with a strategy: each of these breaks one of its tests."""

import dataclasses
import inspect
import re

import numpy as np
import pytest

from fer_bench.search_space import tunable
from fer_bench.strategies.base import LossTerms, Mixing, Strategy
from fer_bench.testing import StrategyContract
from fer_bench.testing.strategies import BALANCED, IMBALANCED, WITHOUT_DISGUST

CONTRACT = StrategyContract()


@dataclasses.dataclass(frozen=True)
class Fixed(Strategy):
    """A field that no search can change."""

    ratio: float = 1.0


@dataclasses.dataclass(frozen=True)
class Unseeded(Strategy):
    """Draws from NumPy's global generator."""

    def resample(self, labels, seed, progress):
        return np.random.permutation(len(labels))


@dataclasses.dataclass(frozen=True)
class Forgetful(Strategy):
    """Under-samples until the rarest class is gone."""

    def resample(self, labels, seed, progress):
        return np.flatnonzero(labels != 1)


@dataclasses.dataclass(frozen=True)
class Divides(Strategy):
    """Divides by the count of a class without images."""

    def loss_terms(self, class_counts, progress):
        with np.errstate(divide="ignore"):
            return LossTerms(weights=1 / class_counts)


@dataclasses.dataclass(frozen=True)
class Twice(Strategy):
    """Corrects by weights and by a shift of the logits at prediction."""

    power: float = tunable(1.0, low=0.0, high=1.0)

    def loss_terms(self, class_counts, progress):
        return LossTerms(weights=1 / np.maximum(class_counts, 1))

    def adjust_logits(self, logits, class_counts):
        return logits - np.log(np.maximum(class_counts, 1)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class InPlace(Strategy):
    """Changes the logits that it is given."""

    def adjust_logits(self, logits, class_counts):
        logits -= 1
        return logits


@dataclasses.dataclass(frozen=True)
class Wide(Strategy):
    """Gives float64."""

    def adjust_logits(self, logits, class_counts):
        return logits.astype(np.float64)


@dataclasses.dataclass(frozen=True)
class Meddles(Strategy):
    """Prefers a class though all are equally common."""

    def adjust_logits(self, logits, class_counts):
        return logits + np.eye(7, dtype=np.float32)[0]


@dataclasses.dataclass(frozen=True)
class Miscounts(Strategy):
    """Makes fewer rows than it says."""

    def feature_counts(self, class_counts):
        return class_counts + (class_counts > 0)


@dataclasses.dataclass(frozen=True)
class Promises(Strategy):
    """Makes no images, though it says so."""

    def image_counts(self, class_counts):
        return class_counts + (class_counts > 0)


@dataclasses.dataclass(frozen=True)
class Negative(Strategy):
    """Augments by less than nothing."""

    def augment_strength(self, class_counts):
        return np.where(class_counts == class_counts.min(), -1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Many(Strategy):
    """Has three fields to search."""

    a: float = tunable(1.0, low=0.0, high=1.0)
    b: float = tunable(1.0, low=0.0, high=1.0)
    c: float = tunable(1.0, low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class Headless(Strategy):
    """Has a field that hides the kind of its head."""

    head: float = tunable(0.3, low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class Never(Strategy):
    """Begins when all is over."""

    selectable_from = 1.0


@dataclasses.dataclass(frozen=True)
class With(Strategy):
    """Any terms of the loss."""

    terms: LossTerms

    def loss_terms(self, class_counts, progress):
        return self.terms


@dataclasses.dataclass(frozen=True)
class Mixes(Strategy):
    """Any mixing."""

    how: Mixing

    def mixing(self, class_counts, progress):
        return self.how


@dataclasses.dataclass(frozen=True)
class OnlyMeans(Strategy):
    """Makes a head of the means, of a class without images too."""

    def adjust_head(self, kernel, bias, class_counts, class_means):
        return class_means().T, bias


@dataclasses.dataclass(frozen=True)
class Spoils(Strategy):
    """Changes the kernel that it is given."""

    def adjust_head(self, kernel, bias, class_counts, class_means):
        kernel /= 2
        return kernel, bias


@dataclasses.dataclass(frozen=True)
class CosineHead(Strategy):
    """Adjusts the bias of a head that has none."""

    head = "cosine"

    def adjust_head(self, kernel, bias, class_counts, class_means):
        return kernel, bias


@dataclasses.dataclass(frozen=True)
class Infinite(Strategy):
    """Divides by the count of a class without images, when it decides."""

    def fit_decision(self, logits, labels, class_counts):
        with np.errstate(divide="ignore"):
            return -np.log(class_counts / class_counts.sum())


@dataclasses.dataclass(frozen=True)
class OneOffset(Strategy):
    """Fits one number, for no class."""

    def fit_decision(self, logits, labels, class_counts):
        return np.zeros(1)


@dataclasses.dataclass(frozen=True)
class Overfits(Strategy):
    """Prefers the class of the first image."""

    def fit_decision(self, logits, labels, class_counts):
        return np.eye(7)[labels[0]]


LOSS = CONTRACT.test_its_loss_terms_are_finite_and_its_weights_have_mean_1
MIXING = CONTRACT.test_its_mixing_is_by_shares_of_classes_that_are_there
HEAD = CONTRACT.test_a_head_that_it_adjusts_stays_one_that_computes_logits
DECISION = CONTRACT.test_a_decision_that_it_fits_is_an_offset_for_each_class


@pytest.mark.parametrize(
    ("test", "arguments"),
    [
        *[
            (CONTRACT.test_it_is_a_frozen_dataclass_whose_defaults_lie_in_their_ranges, [entry])
            for entry in (Many, Headless, Never)
        ],
        *[
            (LOSS, [With(terms), IMBALANCED])
            for terms in (
                LossTerms(shift=np.zeros((3, 7))),
                LossTerms(box_cox=1.5),
                LossTerms(suppression=1.0),
                LossTerms(influence=-1.0),
                LossTerms(influence=np.ones(7)),
                LossTerms(scale=np.eye(7)[0]),
                LossTerms(margins=-0.1),
                LossTerms(smoothing=np.ones(7)),
            )
        ],
        *[
            (MIXING, [Mixes(how), WITHOUT_DISGUST])
            for how in (
                Mixing(alpha=0.0),
                Mixing(alpha=1.0, share=1.5),
                Mixing(alpha=1.0, threshold=2.0),
                Mixing(alpha=1.0, kappa=0.5),
                Mixing(alpha=1.0, partners=np.full(7, 1 / 7)),
                Mixing(alpha=1.0, partners=(WITHOUT_DISGUST > 0) / 7),
            )
        ],
        (HEAD, [OnlyMeans(), WITHOUT_DISGUST]),
        (HEAD, [Spoils(), IMBALANCED]),
        (HEAD, [CosineHead(), IMBALANCED]),
        (DECISION, [Infinite(), WITHOUT_DISGUST]),
        (DECISION, [OneOffset(), IMBALANCED]),
        (
            CONTRACT.test_a_decision_that_it_fits_does_no_harm_to_other_images_of_balanced_data,
            [Overfits()],
        ),
        (CONTRACT.test_its_file_says_what_it_is_by_which_formula_and_from_where, [Fixed]),
        (CONTRACT.test_it_is_a_frozen_dataclass_whose_defaults_lie_in_their_ranges, [Fixed]),
        (CONTRACT.test_its_pool_is_valid_and_keeps_every_class, [Unseeded(), IMBALANCED]),
        (CONTRACT.test_its_pool_is_valid_and_keeps_every_class, [Forgetful(), IMBALANCED]),
        (CONTRACT.test_its_pool_does_not_touch_the_global_generator_or_the_labels, [Unseeded()]),
        (
            CONTRACT.test_its_loss_terms_are_finite_and_its_weights_have_mean_1,
            [Divides(), WITHOUT_DISGUST],
        ),
        (CONTRACT.test_it_survives_a_class_without_images, [Divides()]),
        (CONTRACT.test_its_effective_prior_is_a_distribution_and_not_beyond_flat, [Twice(), IMBALANCED]),
        (CONTRACT.test_its_logits_keep_shape_and_type_and_leave_the_input_alone, [InPlace()]),
        (CONTRACT.test_its_logits_keep_shape_and_type_and_leave_the_input_alone, [Wide()]),
        (CONTRACT.test_it_does_no_harm_to_balanced_data, [Meddles()]),
        (
            CONTRACT.test_rows_it_makes_come_behind_those_given_in_the_numbers_it_told,
            [Miscounts(), IMBALANCED, "feature_counts", "resample_features"],
        ),
        (
            CONTRACT.test_rows_it_makes_come_behind_those_given_in_the_numbers_it_told,
            [Promises(), IMBALANCED, "image_counts", "resample_codes"],
        ),
        (
            CONTRACT.test_its_augmentation_strengths_are_factors_that_leave_balanced_data_alone,
            [Negative(), BALANCED],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_wrong_with_a_strategy_is_found(test, arguments):
    with pytest.raises(AssertionError):
        test(*arguments)


def test_class_counts_that_fail_are_all_told_by_their_names():
    class Fails(Strategy):
        def augment_strength(self, class_counts):
            return np.full(len(class_counts), 1.0 if class_counts.min() == class_counts.max() else np.nan)

    test = CONTRACT.test_its_augmentation_strengths_are_factors_that_leave_balanced_data_alone
    with pytest.raises(ExceptionGroup, match="3 of 4 class counts") as raised:
        test(Fails())
    names = [re.search(r"counts (\w+):", failure.__notes__[0])[1] for failure in raised.value.exceptions]
    assert names == ["imbalanced", "without_disgust", "fer2013"]


def test_class_counts_that_fail_alone_are_told_by_their_name():
    with pytest.raises(AssertionError) as raised:
        MIXING(Mixes(Mixing(alpha=1.0, partners=(BALANCED > 0) / 7)))
    assert raised.value.__notes__ == [f"with the class counts without_disgust: {WITHOUT_DISGUST.tolist()}"]


def test_pytest_gives_a_test_no_class_counts():
    assert list(inspect.signature(LOSS).parameters) == ["strategy"]
