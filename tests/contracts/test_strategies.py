"""The contract that every strategy meets, then one number worked by hand for each formula."""

import dataclasses
import re
import sys

import numpy as np
import optuna
import pytest

from fer_bench.search_space import ranges, suggest
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy, normalised_weights
from fer_bench.study.prior import effective_prior, is_no_op, sampled_shares, tilts_beyond_flat

FER2013 = np.array(
    [3995, 436, 4097, 7215, 4965, 4830, 3171]
)  # angry, disgust, fear, happy, neutral, sad, surprise
COUNTS = np.array([40, 4, 41, 72, 50, 48, 32])
BALANCED = np.array([20] * 7)
WITHOUT_DISGUST = np.array([40, 0, 41, 72, 50, 48, 32])


def labels_of(counts):
    """Labels with these counts, shuffled."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)


def drawn(name, seed):
    """A strategy with parameters drawn from its ranges."""
    sampler = optuna.samplers.RandomSampler(seed=seed)
    trial = optuna.create_study(sampler=sampler).ask()
    return STRATEGIES[name](**suggest(trial, ranges(STRATEGIES[name])))


@pytest.fixture(params=list(STRATEGIES))
def name(request):
    return request.param


@pytest.fixture(params=["defaults", "lows", "highs", "drawn"])
def strategy(request, name):
    entry = STRATEGIES[name]
    if request.param == "defaults":
        return entry()
    if request.param == "drawn":
        return drawn(name, 1)
    end = request.param[:-1]
    return entry(**{field: getattr(span, end) for field, span in ranges(entry).items()})


# The contract


def test_the_file_says_what_it_is_by_which_formula_and_from_where(name):
    text = sys.modules[STRATEGIES[name].__module__].__doc__ or ""
    first, _, rest = text.partition("\n")
    assert re.match(r"[A-Z].{20,}[.:]$", first.strip()), "the first line says what it is"
    assert re.search(r"^ {4}\S.*=", rest, re.MULTILINE), "an indented line holds the formula"
    assert re.search(r"\b(1[89]|20)\d\d\b", rest), "a citation has a year"
    assert re.search(r"https?://\S+\.\S+", rest), "and a link"


def test_it_is_a_frozen_dataclass_whose_defaults_lie_in_their_ranges(name):
    entry = STRATEGIES[name]
    assert issubclass(entry, Strategy)
    assert entry.__dataclass_params__.frozen
    assert entry.__doc__
    fields = {field.name for field in dataclasses.fields(entry)}
    assert set(ranges(entry)) == fields, "every field is tunable"
    for field, span in ranges(entry).items():
        assert getattr(entry(), field) in span
        assert span.low < span.high


def test_optuna_can_draw_it(name):
    for seed in range(3):
        strategy = drawn(name, seed)
        assert all(getattr(strategy, field) in span for field, span in ranges(type(strategy)).items())


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counts", [COUNTS, WITHOUT_DISGUST, BALANCED], ids=["skewed", "absent", "balanced"])
def test_its_pool_is_valid_and_keeps_every_class(strategy, counts, progress):
    labels = labels_of(counts)
    pool = strategy.resample(labels, 3, progress)
    assert pool.ndim == 1
    assert np.issubdtype(pool.dtype, np.integer)
    assert len(pool)
    assert 0 <= pool.min() <= pool.max() < len(labels)
    assert set(labels[pool]) == set(labels)
    np.testing.assert_array_equal(pool, strategy.resample(labels, 3, progress), "a seed means one pool")


def test_its_pool_does_not_touch_the_global_generator_or_the_labels(strategy):
    labels = labels_of(COUNTS)
    kept, state = labels.copy(), np.random.get_state()[1].copy()
    strategy.resample(labels, 3, 0.0)
    np.testing.assert_array_equal(labels, kept)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_its_pool_takes_any_seed_that_is_derived(strategy, seed):
    assert len(strategy.resample(labels_of(COUNTS), seed, 0.0))


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counts", [COUNTS, FER2013, WITHOUT_DISGUST, BALANCED])
def test_its_loss_terms_are_finite_and_its_weights_have_mean_1(strategy, counts, progress):
    terms = strategy.loss_terms(counts, progress)
    for term in dataclasses.fields(LossTerms):
        value = getattr(terms, term.name)
        if value is not None:
            assert np.isfinite(value).all(), term.name
            assert np.shape(value) in ((), (len(counts),)), term.name
    assert np.all(np.asarray(terms.weights) >= 0)
    assert terms.gamma >= 0
    assert terms.scale > 0
    if terms.smoothing is not None:
        assert np.all((np.asarray(terms.smoothing) >= 0) & (np.asarray(terms.smoothing) < 1))
    shares = sampled_shares(strategy, labels_of(counts), len(counts), progress)
    weights = normalised_weights(terms, shares)
    assert weights.shape == shares.shape
    assert shares @ weights == pytest.approx(1, abs=1e-12)
    assert np.all(weights[counts > 0] > 0), "no class that is there is thrown away"


def test_its_logits_keep_shape_and_type_and_leave_the_input_alone(strategy):
    logits = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    kept = logits.copy()
    adjusted = strategy.adjust_logits(logits, COUNTS)
    assert adjusted.shape == logits.shape
    assert adjusted.dtype == np.float32
    assert np.isfinite(adjusted).all()
    np.testing.assert_array_equal(logits, kept)


def test_it_survives_a_class_without_images(strategy):
    labels = labels_of(WITHOUT_DISGUST)
    prior = effective_prior(strategy, labels, 7)
    assert np.isfinite(prior).all()
    assert prior[1] == 0
    assert np.isfinite(strategy.adjust_logits(np.zeros((2, 7), np.float32), WITHOUT_DISGUST)).all()
    tilts_beyond_flat(prior, WITHOUT_DISGUST)
    is_no_op(strategy, labels, 7)


@pytest.mark.parametrize("counts", [COUNTS, BALANCED])
def test_its_effective_prior_is_a_distribution_and_not_beyond_flat(strategy, counts):
    prior = effective_prior(strategy, labels_of(counts), 7)
    assert prior.shape == (7,)
    assert np.all(prior > 0)
    assert prior.sum() == pytest.approx(1)
    if strategy == type(strategy)():
        assert not tilts_beyond_flat(prior, counts), "with its defaults, a strategy corrects once at most"


def test_it_does_no_harm_to_balanced_data(strategy):
    labels = labels_of(BALANCED)
    np.testing.assert_allclose(effective_prior(strategy, labels, 7), 1 / 7, rtol=1e-6)
    np.testing.assert_allclose(sampled_shares(strategy, labels, 7), 1 / 7)
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    adjusted = strategy.adjust_logits(logits, BALANCED)
    np.testing.assert_array_equal(adjusted.argmax(1), logits.argmax(1))


@pytest.mark.parametrize("counts", [COUNTS, WITHOUT_DISGUST, BALANCED, FER2013], ids=str)
def test_its_augmentation_strengths_are_factors_that_leave_balanced_data_alone(strategy, counts):
    factors = strategy.augment_strength(counts)
    assert factors.shape == counts.shape
    assert np.isfinite(factors).all()
    assert np.all(factors >= 0)
    if counts is BALANCED:
        np.testing.assert_array_equal(factors, 1)


def features_of(labels):
    return np.random.default_rng(1).normal(size=(len(labels), 6)).astype(np.float32)


@pytest.mark.parametrize("counts", [COUNTS, WITHOUT_DISGUST, BALANCED, [9, 1, 30, 2, 5, 6, 7]], ids=str)
def test_rows_it_makes_of_features_come_behind_them_in_the_numbers_it_told(strategy, counts):
    counts = np.array(counts)
    labels = labels_of(counts)
    features = features_of(labels)
    wanted = strategy.feature_counts(counts)
    assert np.issubdtype(wanted.dtype, np.integer)
    assert wanted.shape == counts.shape
    assert np.all(wanted >= counts)
    assert np.all(wanted[counts == 0] == 0)
    rows, found = strategy.resample_features(features, labels, 3)
    np.testing.assert_array_equal(rows[: len(labels)], features)
    np.testing.assert_array_equal(found[: len(labels)], labels)
    np.testing.assert_array_equal(np.bincount(found, minlength=7), wanted)
    assert (rows.dtype, found.dtype) == (np.float32, np.int32)
    assert rows.shape == (len(found), 6)
    for label in set(found.tolist()):
        of = features[labels == label]
        assert np.all((of.min(0) <= rows[found == label]) & (rows[found == label] <= of.max(0)))
    again, _ = strategy.resample_features(features, labels, 3)
    np.testing.assert_array_equal(rows, again, "a seed means one set of rows")


def test_rows_it_makes_leave_the_features_and_the_global_generator_alone(strategy):
    labels = labels_of(COUNTS)
    features = features_of(labels)
    kept, state = (features.copy(), labels.copy()), np.random.get_state()[1].copy()
    for seed in (0, 2**31 - 1):
        strategy.resample_features(features, labels, seed)
    np.testing.assert_array_equal(features, kept[0])
    np.testing.assert_array_equal(labels, kept[1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


# One number of each formula, by hand


def test_class_weights_of_fer2013_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    weights = STRATEGIES["class_weights"]().loss_terms(FER2013, 0.0).weights
    assert weights[1] == pytest.approx(28_709 / (7 * 436))
    assert weights[1] == pytest.approx(9.4066, abs=1e-4)
    assert weights[3] == pytest.approx(0.5684, abs=1e-4)
    sklearns = compute_class_weight("balanced", classes=np.arange(7), y=np.repeat(np.arange(7), FER2013))
    np.testing.assert_allclose(weights, sklearns)


def test_power_one_half_takes_the_root_and_power_0_nothing():
    half, none = (STRATEGIES["class_weights"](power).loss_terms(FER2013, 0.0).weights for power in (0.5, 0.0))
    assert half[1] == pytest.approx(3.0670, abs=1e-4)
    np.testing.assert_array_equal(none, 1)


def test_class_weights_in_the_stream_keep_their_proportions_and_have_mean_1():
    # Counts 1 : 3. Balanced weights are 4/(2*1) = 2 and 4/(2*3) = 2/3, of mean 1/4*2 + 3/4*2/3 = 1.
    terms = STRATEGIES["class_weights"]().loss_terms(np.array([1, 3]), 0.0)
    np.testing.assert_allclose(terms.weights, [2, 2 / 3])
    np.testing.assert_allclose(normalised_weights(terms, np.array([0.25, 0.75])), [2, 2 / 3])
    # On a flat stream their mean is 4/3: divided by it.
    np.testing.assert_allclose(normalised_weights(terms, np.array([0.5, 0.5])), [1.5, 0.5])


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [72] * 7), (0.5, [40, 36, 41, 72, 50, 48, 36]), (0.1, [40, 7, 41, 72, 50, 48, 32])],
)
def test_oversampling_raises_each_class_to_ratio_times_the_largest(ratio, expected):
    labels = labels_of(COUNTS)
    pool = STRATEGIES["oversampling"](ratio).resample(labels, 0, 0.0)
    assert np.bincount(labels[pool]).tolist() == expected
    assert set(pool) == set(range(len(labels))), "no image is lost"


def test_oversampling_draws_other_images_with_another_seed():
    strategy, labels = STRATEGIES["oversampling"](), labels_of(COUNTS)
    assert not np.array_equal(strategy.resample(labels, 0, 0.0), strategy.resample(labels, 1, 0.0))


def test_focal_loss_hands_on_its_gamma_and_no_weights():
    assert STRATEGIES["focal_loss"](3.5).loss_terms(FER2013, 0.0) == LossTerms(gamma=3.5)
    assert STRATEGIES["focal_loss"]().gamma == 2.0


def test_smote_goes_a_drawn_share_of_the_way_to_a_neighbour():
    # Class 1 has two rows, at 0 and at 10: a made one is at 10 u or at 10 (1 - u), u the sampler's draws.
    features = np.array([[5], [6], [7], [8], [0], [10]], np.float32)
    rows, labels = STRATEGIES["smote"]().resample_features(features, np.array([0, 0, 0, 0, 1, 1], "int32"), 7)
    draws = np.random.RandomState(7)
    first, share = draws.randint(0, 2, size=2), draws.uniform(size=2)
    np.testing.assert_allclose(rows[6:, 0], 10 * np.where(first == 0, share, 1 - share), rtol=1e-6)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, [72] * 7), (0.5, [40, 36, 41, 72, 50, 48, 36]), (0.1, [40, 7, 41, 72, 50, 48, 32])],
)
def test_smote_raises_each_class_to_ratio_times_the_largest(ratio, expected):
    assert STRATEGIES["smote"](ratio).feature_counts(COUNTS).tolist() == expected
    assert STRATEGIES["smote"](ratio).feature_counts(WITHOUT_DISGUST)[1] == 0


def test_smote_takes_five_neighbours_or_as_many_as_there_are_and_repeats_a_lone_row():
    labels = np.repeat(np.arange(4), [40, 9, 3, 1]).astype(np.int32)
    features = np.where(labels == 1, np.arange(53), 1000)[:, None].astype(np.float32)
    features[labels == 2] = [[0], [1], [100]]
    rows, found = STRATEGIES["smote"]().resample_features(features, labels, 0)
    made, of = rows[53:, 0], found[53:]
    assert np.bincount(of).tolist() == [0, 31, 37, 39]
    near = made[of == 1]  # of nine in a row at 40 to 48; the five nearest of an end are up to 5 away
    assert near.min() >= 40 and near.max() <= 48
    assert made[of == 2].max() > 10, "both others are neighbours, however far"
    assert np.all(made[of == 3] == 1000)


def test_targeted_augmentation_takes_a_power_of_rarity_up_to_four():
    factors = STRATEGIES["targeted_augmentation"](0.25).augment_strength(FER2013)
    assert factors[3] == 1, "the commonest class keeps the recipe's strength"
    assert factors[1] == pytest.approx((7215 / 436) ** 0.25)
    assert factors[1] == pytest.approx(2.0169, abs=1e-4)
    assert factors[6] == pytest.approx(1.2282, abs=1e-4)
    # 16 times rarer: the root is 4, and so it stays for what is rarer still.
    root = STRATEGIES["targeted_augmentation"](0.5).augment_strength(np.array([1600, 400, 100, 1, 0]))
    np.testing.assert_allclose(root, [1, 2, 4, 4, 1])
    np.testing.assert_array_equal(STRATEGIES["targeted_augmentation"](0.0).augment_strength(FER2013), 1)


def test_none_is_plain_cross_entropy_on_every_image_once():
    strategy = STRATEGIES["none"]()
    assert strategy.loss_terms(FER2013, 0.0) == LossTerms()
    np.testing.assert_array_equal(strategy.resample(labels_of(COUNTS), 0, 0.0), np.arange(COUNTS.sum()))


# What is checked before anything trains


@dataclasses.dataclass(frozen=True)
class Twice(Strategy):
    """Class weights on top of oversampling."""

    def resample(self, labels, seed, progress):
        return STRATEGIES["oversampling"]().resample(labels, seed, progress)

    def loss_terms(self, class_counts, progress):
        return STRATEGIES["class_weights"]().loss_terms(class_counts, progress)


@dataclasses.dataclass(frozen=True)
class Weighted(STRATEGIES["smote"]):
    """Class weights on top of made features."""

    def loss_terms(self, class_counts, progress):
        return STRATEGIES["class_weights"]().loss_terms(class_counts, progress)


@dataclasses.dataclass(frozen=True)
class Shifted(Strategy):
    """Logit adjustment in the loss: + tau log pi while training, nothing at prediction."""

    tau: float = 1.0

    def loss_terms(self, class_counts, progress):
        return LossTerms(shift=self.tau * np.log(class_counts / class_counts.sum()))


@dataclasses.dataclass(frozen=True)
class Posthoc(Strategy):
    """Logit adjustment after training: - tau log pi."""

    tau: float = 1.0

    def adjust_logits(self, logits, class_counts):
        return logits - (self.tau * np.log(class_counts / class_counts.sum())).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class With(Strategy):
    """Any loss terms."""

    terms: LossTerms

    def loss_terms(self, class_counts, progress):
        return self.terms


@dataclasses.dataclass(frozen=True)
class Deferred(Strategy):
    """Class weights in the second half of training only."""

    def loss_terms(self, class_counts, progress):
        return (
            STRATEGIES["class_weights"]().loss_terms(class_counts, progress)
            if progress > 0.7
            else LossTerms()
        )


NATURAL = COUNTS / COUNTS.sum()


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (STRATEGIES["none"](), NATURAL),
        (STRATEGIES["focal_loss"](), NATURAL),
        (STRATEGIES["class_weights"](), np.full(7, 1 / 7)),
        (STRATEGIES["class_weights"](0.5), NATURAL**0.5 / (NATURAL**0.5).sum()),
        (STRATEGIES["oversampling"](), np.full(7, 1 / 7)),
        (STRATEGIES["smote"](), np.full(7, 1 / 7)),
        (STRATEGIES["smote"](0.5), np.array([40, 36, 41, 72, 50, 48, 36]) / 323),
        (STRATEGIES["targeted_augmentation"](), NATURAL),
        (Weighted(), (1 / NATURAL) / (1 / NATURAL).sum()),
        (Shifted(), np.full(7, 1 / 7)),
        (Posthoc(), np.full(7, 1 / 7)),
        (Twice(), (1 / NATURAL) / (1 / NATURAL).sum()),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_effective_prior(strategy, expected):
    np.testing.assert_allclose(effective_prior(strategy, labels_of(COUNTS), 7), expected, rtol=1e-5)


@pytest.mark.parametrize("strategy", [Twice(), Weighted(), Shifted(2.0), Posthoc(1.5)], ids=repr)
def test_a_double_correction_is_beyond_flat(strategy):
    assert tilts_beyond_flat(effective_prior(strategy, labels_of(COUNTS), 7), COUNTS)


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        (STRATEGIES["none"](), COUNTS),
        (STRATEGIES["class_weights"](), BALANCED),
        (STRATEGIES["class_weights"](0.0), COUNTS),
        (STRATEGIES["oversampling"](), BALANCED),
        (STRATEGIES["oversampling"](0.1), np.array([20, 10, 2])),
        (STRATEGIES["smote"](), BALANCED),
        (STRATEGIES["smote"](0.1), np.array([20, 10, 2])),
        (STRATEGIES["targeted_augmentation"](), BALANCED),
        (STRATEGIES["targeted_augmentation"](0.0), COUNTS),
        (Shifted(), BALANCED),
        (Posthoc(0.0), COUNTS),
        (With(LossTerms(weights=3.0)), COUNTS),
        (With(LossTerms(shift=5.0)), COUNTS),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_changes_nothing_is_a_no_op(strategy, counts):
    assert is_no_op(strategy, labels_of(counts), len(counts))


@pytest.mark.parametrize(
    "strategy",
    [
        *[STRATEGIES[name]() for name in STRATEGIES if name != "none"],
        Shifted(),
        Posthoc(),
        Deferred(),
        With(LossTerms(margins=0.5)),
        With(LossTerms(scale=2.0)),
        With(LossTerms(smoothing=0.1)),
        With(LossTerms(gamma=0.5)),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_changes_something_is_no_no_op(strategy):
    assert not is_no_op(strategy, labels_of(COUNTS), 7)


def test_the_focus_of_focal_loss_acts_on_balanced_data_too():
    assert not is_no_op(STRATEGIES["focal_loss"](), labels_of(BALANCED), 7)


def test_a_strength_where_nothing_is_augmented_is_a_no_op():
    strategy, labels = STRATEGIES["targeted_augmentation"](), labels_of(COUNTS)
    assert not is_no_op(strategy, labels, 7, augmented=True)
    assert is_no_op(strategy, labels, 7, augmented=False)
    assert not is_no_op(STRATEGIES["smote"](), labels, 7, augmented=False)
