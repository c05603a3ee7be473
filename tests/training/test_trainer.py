from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from keras import ops
from trials import AUGMENTATION, BASE, build, settings_of

from fer_bench.backbones.base import BACKBONES
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.training.loss import loss
from fer_bench.training.trainer import Trainer

SHORT = {"trainable": "head", "epochs": 1}
SHORT_ALL = {"trainable": "all", "epochs": 1}


def begin(trainer, data, strategy="none", seed=0, **changes):
    made = STRATEGIES[strategy]() if isinstance(strategy, str) else strategy
    trainer.begin_trial(made, settings_of(trainer, **changes), seed, data)


def train(trainer, data, strategy="none", seed=0, **changes):
    """All phases from scratch; logits of the first 50 images."""
    begin(trainer, data, strategy, seed, **changes)
    for phase in range(len(trainer.recipe.phases)):
        trainer.train_phase(phase)
    return trainer.logits(len(trainer.recipe.phases) - 1, np.arange(50))


def state(variables):
    return [np.array(ops.convert_to_numpy(v.value)) for v in variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def features_on_device(trainer):
    (features,) = state([trainer._features.bank.features])
    return features


@pytest.fixture(scope="module")
def cached(trainer_of):
    """Head on cached features, then everything."""
    return trainer_of(phases=[SHORT, SHORT_ALL], head={"dropout": 0.2})


@pytest.fixture(scope="module")
def augmented(trainer_of):
    """Head, then the last layers, with augmentation and dropout."""
    phases = [SHORT, {"trainable": {"last": 4}, "epochs": 1}]
    return trainer_of(phases=phases, augmentation=AUGMENTATION, head={"dense": [8], "dropout": 0.3})


@pytest.fixture(scope="module")
def head_only(trainer_of):
    """Head on cached features."""
    return trainer_of(phases=[SHORT])


def test_a_trial_has_to_begin_before_a_phase(data):
    trainer = build(data, phases=[SHORT])
    with pytest.raises(RuntimeError, match="begin_trial comes first"):
        trainer.train_phase(0)


def test_settings_change_the_result_without_a_new_trace(augmented, data):
    first = train(augmented, data)
    assert augmented.traces == 2
    changes = [
        {"learning_rate": 1e-2},
        {"weight_decay": 0.5},
        {"dropout": 0.0},
        {"dropout": 0.8},
        {"l2": 0.1},
        {"augmentation_strength": 0.0},
        {"augmentation_strength": 3.0},
    ]
    logits = [train(augmented, data, **change) for change in changes]
    assert all(not np.array_equal(first, other) for other in logits)
    assert len({other.tobytes() for other in logits}) == len(changes)
    assert augmented.traces == 2, "as many as phases"
    np.testing.assert_array_equal(train(augmented, data), first, "and back again")


def test_loss_terms_change_the_result_without_a_new_trace(cached, data):
    first, traces = train(cached, data), cached.traces
    for terms in ({"gamma": 2.0}, {"smoothing": 0.2}, {"weights": [1, 5, 1, 1, 2]}, {"margins": 0.5}):
        cached.terms.set(**terms)
        assert not np.array_equal(train(cached, data), first), terms
        cached.terms.set(gamma=0, smoothing=0, weights=1, margins=0)
    np.testing.assert_array_equal(train(cached, data), first)
    assert cached.traces == traces


def test_another_seed_is_another_trial(cached, data):
    assert not np.array_equal(train(cached, data, seed=1), train(cached, data, seed=2))


def test_a_head_phase_leaves_the_trunk_alone(augmented, data):
    begin(augmented, data)
    trunk, head = state(augmented.net.trunk.variables), state(augmented.net.head.variables)
    augmented.train_phase(0)
    assert same(trunk, state(augmented.net.trunk.variables)), "weights and statistics"
    assert not same(head, state(augmented.net.head.variables))


def test_a_phase_of_last_layers_changes_these_only(augmented, data):
    begin(augmented, data)
    trunk = augmented.net.trunk
    before = {id(v): value for v, value in zip(trunk.variables, state(trunk.variables), strict=True)}
    augmented.train_phase(1)
    changed = [
        layer.name
        for layer in trunk.layers
        if layer.variables and not same([before[id(v)] for v in layer.variables], state(layer.variables))
    ]
    assert changed == [layer.name for layer in trunk.layers[-4:] if layer.variables]


@pytest.mark.parametrize("mode", ["live", "frozen"])
def test_frozen_norms_keep_their_statistics_in_training(data, mode, tmp_path):
    path = tmp_path / "compact_cnn.weights.h5"
    BACKBONES["compact_cnn"]().trunk(24).save_weights(path)
    trainer = build(data, path, weights="imagenet", phases=[SHORT_ALL], batch_norm={"mode": mode})
    begin(trainer, data)
    norms = [v for layer in trainer.net.norms for v in layer.variables]
    kernels = [v for v in trainer.net.trunk.variables if v.name == "kernel"]
    norms_before, kernels_before = state(norms), state(kernels)
    trainer.train_phase(0)
    assert same(norms_before, state(norms)) == (mode == "frozen")
    assert not same(kernels_before, state(kernels))


def test_cached_features_give_the_same_training(head_only, data):
    slow = build(data, limits={"largest_features": 1000}, phases=[SHORT])
    assert not slow.cached(0)
    np.testing.assert_allclose(train(slow, data), train(head_only, data), rtol=1e-4, atol=1e-5)
    assert len(head_only.state()) == len(head_only.net.head.variables) < len(slow.state())


def test_features_known_from_another_trial_are_the_same_to_the_last_bit(head_only, data):
    """A trial that asked for a few images before must not change what a later one sees of them."""
    fresh, warm = build(data, phases=[SHORT]), head_only
    for trainer in (fresh, warm):
        begin(trainer, data, seed=5)
    for index in (np.arange(3), np.arange(50, 70), np.array([299])):
        warm.logits(0, index)
    np.testing.assert_array_equal(warm.logits(0, np.arange(300)), fresh.logits(0, np.arange(300)))
    np.testing.assert_array_equal(features_on_device(warm), features_on_device(fresh))


def test_a_trunk_of_another_seed_has_features_of_its_own(head_only, data):
    logits = []
    for seed in (1, 2, 1):
        begin(head_only, data, seed=seed)
        logits.append(head_only.logits(0, np.arange(20)))
    assert not np.array_equal(logits[0], logits[1])
    np.testing.assert_array_equal(logits[0], logits[2])


@dataclass(frozen=True)
class Strengthening(Strategy):
    """Augments each class by a factor."""

    factors: tuple[float, ...]

    def augment_strength(self, class_counts):
        return np.array(self.factors)


def test_strength_by_class_is_set_back_by_the_next_trial(augmented, data):
    first = train(augmented, data)
    even = train(augmented, data, Strengthening((1, 1, 1, 1, 1)))
    np.testing.assert_array_equal(even, first, "a factor of 1 changes no bit")
    assert not np.array_equal(train(augmented, data, Strengthening((1, 3.0, 1, 1, 1))), first)
    np.testing.assert_array_equal(train(augmented, data), first)
    assert augmented.traces == 2


def test_smoothing_that_a_strategy_leaves_open_is_that_of_the_settings(cached, data):
    @dataclass(frozen=True)
    class Smoothing(Strategy):
        smoothing: float | None

        def loss_terms(self, class_counts, progress):
            return LossTerms(smoothing=self.smoothing)

    for smoothing, expected in ((None, 0.2), (0.0, 0.0), (0.1, 0.1)):
        begin(cached, data, Smoothing(smoothing), label_smoothing=0.2)
        cached.set_loss(0.0)
        np.testing.assert_allclose(np.asarray(cached.terms.smoothing), expected)


def test_class_weights_have_mean_1_in_the_loss_with_smoothing_and_without(cached, data):
    """The loss of logits that are all alike is log K times the mean weight of its targets."""
    begin(cached, data, "class_weights")
    cached.train_phase(0)
    labels = data.labels[data.train]
    for smoothing in (0.0, 0.1, 0.4):
        begin(cached, data, "class_weights", label_smoothing=smoothing)
        cached.set_loss(0.0)
        losses = ops.convert_to_numpy(loss(labels, np.zeros((len(labels), 5), "float32"), cached.terms))
        assert losses.mean() / np.log(5) == pytest.approx(1, rel=0.02), (
            "the stream leaves out part of a batch"
        )


# Rows that a strategy makes of features


@dataclass(frozen=True)
class Copying(Strategy):
    """So many copies of images of class 1, each feature moved by 1; trains on the copies alone."""

    copies: int
    pools: list[np.ndarray] = field(default_factory=list)

    def feature_counts(self, class_counts):
        return class_counts + self.copies * (np.arange(len(class_counts)) == 1)

    def resample_features(self, features, labels, seed):
        copied = np.resize(np.flatnonzero(labels == 1), self.copies)
        return np.concatenate([features, features[copied] + 1]), np.concatenate([labels, labels[copied]])

    def resample(self, labels, seed, progress):
        self.pools.append(labels)
        return np.arange(180, len(labels)) if len(labels) > 180 else np.arange(180)


def test_made_rows_are_trained_on_in_phases_on_features_only(cached, data):
    strategy = Copying(20)
    begin(cached, data, strategy)
    before, trunk = state(cached.net.head.variables), state(cached.net.trunk.variables)
    cached.train_phase(0)
    features = features_on_device(cached)
    assert features.shape == (300 + 20, 128)
    rare = np.resize(data.train[data.labels[data.train] == 1], 20)
    np.testing.assert_array_equal(features[300:], features[rare] + 1)
    assert not same(before, state(cached.net.head.variables))
    assert same(trunk, state(cached.net.trunk.variables))
    labels = data.labels[data.train]
    np.testing.assert_array_equal(strategy.pools[0], [*labels, *[1] * 20])
    strategy.pools.clear()
    cached.train_phase(1)
    for pool in strategy.pools:
        np.testing.assert_array_equal(pool, labels, "of images only")


def test_room_for_made_rows_costs_one_trace_and_changes_no_other_trial(cached, data):
    first, traces = train(cached, data), cached.traces
    train(cached, data, Copying(40))
    assert cached.traces == traces + 1, "the phase on features once more"
    np.testing.assert_array_equal(train(cached, data), first)
    train(cached, data, Copying(10))
    train(cached, data, Copying(40))
    assert cached.traces == traces + 1


def test_made_images_are_trained_on_in_phases_on_features_and_on_pixels(data):
    trainer = build(data, phases=[SHORT, SHORT_ALL])
    first = train(trainer, data)
    assert trainer.traces == 2

    pools = []

    @dataclass(frozen=True)
    class Watched(STRATEGIES["deep_smote"]):
        def resample(self, labels, seed, progress):
            pools.append(labels)
            return super().resample(labels, seed, progress)

    found = train(trainer, data, Watched())
    assert trainer.traces == 4, "each phase once more, with room for images"
    assert not np.array_equal(found, first)
    counts = data.class_counts
    assert len(pools) == 2
    for pool in pools:
        np.testing.assert_array_equal(np.bincount(pool), [counts.max()] * 5)
    made = trainer.made
    features = features_on_device(trainer)[300 : 300 + len(made.labels)]
    expected = trainer.net.body.predict_on_batch(made.bank.on_host.astype("float32"))
    begin(trainer, data, Watched())
    again = trainer.net.body.predict_on_batch(made.bank.on_host.astype("float32"))
    np.testing.assert_allclose(features, again, rtol=1e-4, atol=1e-5)
    assert not np.allclose(features, expected), "of the trunk before it was trained"


def test_where_no_image_has_to_be_made_deep_smote_is_none(cached, data):
    """A tenth of 72 images is fewer than the rarest class has."""
    first, traces = train(cached, data), cached.traces
    np.testing.assert_array_equal(train(cached, data, STRATEGIES["deep_smote"](0.1)), first)
    assert cached.traces == traces
    assert cached.made._coder is None, "not even the autoencoder is built"


def test_made_images_cost_other_trials_neither_a_trace_nor_a_bit(data):
    trainer = build(data, phases=[SHORT_ALL], augmentation=AUGMENTATION)
    first = train(trainer, data)
    plain = trainer._steps.of(0)
    train(trainer, data, STRATEGIES["deep_smote"](0.5))
    assert trainer.traces == 2
    np.testing.assert_array_equal(train(trainer, data), first)
    assert trainer._steps.of(0) is plain
    assert plain.bank is trainer.pixel_bank
    train(trainer, data, STRATEGIES["deep_smote"](1.0))
    assert trainer.traces == 3, "more room than before"
    train(trainer, data, STRATEGIES["deep_smote"](0.5))
    np.testing.assert_array_equal(train(trainer, data), first)
    assert trainer.traces == 3


def test_made_rows_have_the_shape_of_a_convolutional_head(data):
    class Convolutional(BACKBONES["compact_cnn"]):
        def convolutional_head(self, features):
            return keras.layers.Conv2D(8, 1)(features)

    trainer = Trainer(Convolutional(), Recipe(**{**BASE, "phases": [SHORT]}), data.pixels, 5, None)
    train(trainer, data, Copying(7))
    features = features_on_device(trainer)
    assert features.shape == (307, 2, 2, 128)
    first = data.train[data.labels[data.train] == 1][0]
    np.testing.assert_array_equal(features[300], features[first] + 1)


# Logits and the state of the net


def test_predictions_are_padded_and_cut(cached, data):
    begin(cached, data)
    whole = cached.logits(1, np.arange(300))
    assert whole.shape == (300, 5)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(cached.logits(1, np.array([299, 3])), whole[[299, 3]], rtol=1e-4, atol=1e-5)
    assert cached.logits(1, np.zeros(0, int)).shape == (0, 5)


def test_predictions_are_without_augmentation_and_dropout(augmented, data):
    begin(augmented, data, dropout=0.9, augmentation_strength=5)
    np.testing.assert_array_equal(augmented.logits(0, np.arange(40)), augmented.logits(0, np.arange(40)))


def test_a_state_is_restored_in_all_that_training_changes(cached, data):
    begin(cached, data)
    before, logits = cached.state(), cached.logits(1, np.arange(20))
    cached.train_phase(1)
    assert not np.array_equal(cached.logits(1, np.arange(20)), logits)
    cached.restore(before)
    np.testing.assert_array_equal(cached.logits(1, np.arange(20)), logits)


def test_the_saved_net_holds_no_pixels(cached, tmp_path):
    path = tmp_path / "net.weights.h5"
    cached.net.whole.save_weights(path)
    assert path.stat().st_size < 20 * cached.net.parameters


def test_half_precision_trains(data):
    trainer = build(
        data, phases=[SHORT_ALL], precision="bfloat16", head={"dropout": 0.2}, augmentation=AUGMENTATION
    )
    logits = train(trainer, data)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
