"""The one compiled step: traced once per phase, set back exactly, frozen where it should be."""

import numpy as np
import pytest

pytest.importorskip("keras")

from fer_bench.backbones.base import BACKBONES
from fer_bench.study.recipe import Recipe, Settings, settings

HEAD = {"trainable": "head", "epochs": 2}
ALL = {"trainable": "all", "epochs": 2}
AUGMENTATION = {"rotation": 10, "shift": 0.1}
BATCH = 32


def recipe(**changes):
    return Recipe(
        **{
            "image_size": 24,
            "batch_size": BATCH,
            "weights": "none",
            "augmentation": None,
            "phases": (HEAD, ALL),
            **changes,
        }
    )


def build(faces, pretrained=None, **changes):
    from fer_bench.training.trainer import Trainer

    return Trainer(BACKBONES["compact_cnn"](), recipe(**changes), faces.pixels, 5, pretrained)


def own(trainer, **changes):
    return Settings(**{**settings(trainer.recipe).model_dump(), **changes})


def stream(trainer, phase=0, seed=0):
    epochs = trainer.recipe.phases[phase].epochs
    return np.random.default_rng(seed).integers(0, 300, (epochs, 3 * BATCH))


def state(variables):
    from keras import ops

    return [np.array(ops.convert_to_numpy(v.value)) for v in variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def train(trainer, faces, seed=0, **changes):
    """Both phases from scratch; logits of the first 50 images."""
    trainer.reset(seed, own(trainer, **changes), np.arange(64))
    for phase in range(len(trainer.recipe.phases)):
        trainer.fit(phase, stream(trainer, phase), faces.labels, [])
    return trainer.logits(len(trainer.recipe.phases) - 1, np.arange(50))


@pytest.fixture(scope="module")
def trainer(faces):
    """Head on cached features, then everything."""
    return build(faces, head={"dense": (8,), "dropout": 0.3})


@pytest.fixture(scope="module")
def lively(faces):
    """Head, then the last layers, with augmentation and dropout."""
    phases = (HEAD, {"trainable": {"last": 4}, "epochs": 2})
    return build(faces, phases=phases, augmentation=AUGMENTATION, head={"dropout": 0.3})


def test_settings_change_the_result_without_a_new_trace(lively, faces):
    first = train(lively, faces)
    assert lively.traces == 2
    changes = [
        {"learning_rate": 1e-2},
        {"weight_decay": 0.5},
        {"dropout": 0.0},
        {"dropout": 0.8},
        {"l2": 0.1},
        {"augmentation_strength": 0.0},
        {"augmentation_strength": 3.0},
    ]
    found = [train(lively, faces, **change) for change in changes]
    assert all(not np.array_equal(first, logits) for logits in found)
    assert len({logits.tobytes() for logits in found}) == len(changes)
    assert lively.traces == 2, "as many as phases"
    np.testing.assert_array_equal(train(lively, faces), first, "and back again")


def test_loss_terms_change_the_result_without_a_new_trace(trainer, faces):
    first = train(trainer, faces)
    for terms in ({"gamma": 2.0}, {"smoothing": 0.2}, {"weights": [1, 5, 1, 1, 2]}, {"margins": 0.5}):
        trainer.terms.set(**terms)
        assert not np.array_equal(train(trainer, faces), first), terms
        trainer.terms.set(gamma=0, smoothing=0, weights=1, margins=0)
    np.testing.assert_array_equal(train(trainer, faces), first)
    assert trainer.traces == 2


def test_another_seed_is_another_trial(trainer, faces):
    assert not np.array_equal(train(trainer, faces, seed=1), train(trainer, faces, seed=2))


def test_a_head_phase_leaves_the_trunk_alone(lively, faces):
    lively.reset(0, own(lively), np.arange(64))
    trunk, head = state(lively.net.trunk.variables), state(lively.net.head.variables)
    lively.fit(0, stream(lively), faces.labels, [])
    assert same(trunk, state(lively.net.trunk.variables)), "weights and statistics"
    assert not same(head, state(lively.net.head.variables))


def test_a_phase_of_last_layers_changes_these_only(lively, faces):
    lively.reset(0, own(lively), np.arange(64))
    before = state(lively.net.trunk.variables)
    lively.fit(1, stream(lively, 1), faces.labels, [])
    changed = [
        layer.name
        for layer in lively.net.trunk.layers
        if layer.variables
        and not same(
            [
                before[place]
                for place, v in enumerate(lively.net.trunk.variables)
                if any(v is w for w in layer.variables)
            ],
            state(layer.variables),
        )
    ]
    last = [layer.name for layer in lively.net.trunk.layers[-4:] if layer.variables]
    assert changed == last


@pytest.mark.parametrize("mode", ["live", "frozen"])
def test_frozen_norms_keep_their_statistics_in_training(faces, mode, tmp_path):
    path = tmp_path / "compact_cnn.weights.h5"
    BACKBONES["compact_cnn"]().trunk(24).save_weights(path)
    made = build(faces, path, weights="imagenet", phases=(ALL,), batch_norm={"mode": mode})
    made.reset(0, own(made), np.arange(64))
    norms = [v for layer in made.net.norms for v in layer.variables]
    kernels = [v for v in made.net.trunk.variables if v.name == "kernel"]
    before, kernels_before = state(norms), state(kernels)
    made.fit(0, stream(made), faces.labels, [])
    assert same(before, state(norms)) == (mode == "frozen")
    assert not same(kernels_before, state(kernels))


def test_phases_on_cached_features_are_those_before_the_trunk_changes(faces):
    def cached(*trainable, **changes):
        made = build(faces, phases=tuple({"trainable": t, "epochs": 1} for t in trainable), **changes)
        return [made.cached(phase) for phase in range(len(trainable))]

    assert cached("head", "all") == [True, False]
    assert cached("head", "head") == [True, True]
    assert cached("all", "head") == [False, False], "its features are of a trunk that has changed"
    assert cached("head", augmentation=AUGMENTATION) == [False]


def test_features_that_do_not_fit_are_not_cached(faces, monkeypatch):

    monkeypatch.setattr("fer_bench.training.trainer.LARGEST_FEATURES", 1000)
    assert not build(faces, phases=(HEAD,)).cached(0)


def test_cached_features_give_the_same_training(faces, monkeypatch):

    fast = build(faces, phases=(HEAD,))
    expected, few = train(fast, faces), len(fast.changing)
    monkeypatch.setattr("fer_bench.training.trainer.LARGEST_FEATURES", 1000)
    slow = build(faces, phases=(HEAD,))
    np.testing.assert_allclose(train(slow, faces), expected, rtol=1e-4, atol=1e-5)
    assert few == len(slow.net.head.variables) < len(slow.changing)


def test_features_known_from_another_trial_are_the_same_to_the_last_bit(faces):
    """A trial that asked for a few images before must not change what a later one sees of them."""
    fresh, warm = build(faces, phases=(HEAD,)), build(faces, phases=(HEAD,))
    for made in (fresh, warm):
        made.reset(5, own(made), np.arange(64))
    for index in (np.arange(3), np.arange(50, 70), np.array([299])):
        warm.logits(0, index)
    np.testing.assert_array_equal(warm.logits(0, np.arange(300)), fresh.logits(0, np.arange(300)))
    banks = [state([made._features.source.bank])[0] for made in (warm, fresh)]
    np.testing.assert_array_equal(*banks)


def test_a_trunk_of_another_seed_has_features_of_its_own(faces):
    made = build(faces, phases=(HEAD,))
    found = []
    for seed in (1, 2, 1):
        made.reset(seed, own(made), np.arange(64))
        found.append(made.logits(0, np.arange(20)))
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def rates(trainer, faces, phase, **changes):
    """Learning rate of every step of a phase as the optimizer applies it."""
    import keras

    class Rates(keras.callbacks.Callback):
        seen: list = []  # noqa: RUF012

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(
                float(keras.ops.convert_to_numpy(self.model.optimizer._get_current_learning_rate()))
            )

    noted = Rates()
    noted.seen = []
    trainer.reset(0, own(trainer, **changes), np.arange(64))
    trainer.fit(phase, stream(trainer, phase), faces.labels, [noted])
    return noted.seen


def test_a_drawn_learning_rate_scales_every_phase_alike(faces):
    phases = ({**HEAD, "learning_rate": 1e-2}, HEAD)
    made = build(faces, phases=phases, learning_rate=1e-3)
    assert rates(made, faces, 0) == pytest.approx([1e-2] * 6)
    assert rates(made, faces, 1) == pytest.approx([1e-3] * 6)
    assert rates(made, faces, 0, learning_rate=5e-4) == pytest.approx([5e-3] * 6)
    assert rates(made, faces, 1, learning_rate=5e-4) == pytest.approx([5e-4] * 6)


def test_a_cosine_falls_to_zero_over_the_phase_in_every_trial(faces):
    made = build(faces, phases=(HEAD,), schedule="cosine", optimizer="sgd", learning_rate=0.1)
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(1, 7) / 6))
    for _ in range(2):
        np.testing.assert_allclose(rates(made, faces, 0), expected, atol=1e-7)
    assert made.traces == 1


def test_weight_decay_spares_biases_and_norms(faces):
    made = build(faces, phases=(HEAD,), learning_rate=1e-4, head={"dense": (8,), "normalize": True})

    def trained(decay):
        made.reset(0, own(made, weight_decay=decay), np.arange(64))
        start = {
            v.path: a for v, a in zip(made.net.head.variables, state(made.net.head.variables), strict=True)
        }
        made.fit(0, stream(made), faces.labels, [])
        end = state(made.net.head.variables)
        return start, {v.path: a for v, a in zip(made.net.head.variables, end, strict=True)}

    start, plain = trained(0.0)
    _, decayed = trained(100.0)  # x learning rate = 1 % a step
    for path in plain:
        if path.endswith("kernel"):
            shrunk = np.linalg.norm(decayed[path]) / np.linalg.norm(plain[path])
            assert shrunk == pytest.approx(0.99**6, rel=0.02), path
        elif path.endswith(("bias", "beta")):
            assert not start[path].any()
            assert np.abs(plain[path]).max() == pytest.approx(np.abs(decayed[path]).max(), rel=0.6), path


def test_l2_pulls_the_heads_kernels_by_twice_its_factor(faces):
    # One step of plain gradient descent: d/dw (l2 w^2) = 2 l2 w, here 2 * 0.01 * 0.5, times the rate 0.1.
    made = build(
        faces, phases=({"trainable": "head", "epochs": 1},), optimizer="sgd", momentum=0.0, learning_rate=0.1
    )
    (kernel,) = made.net.dense_kernels

    def stepped(l2):
        made.reset(0, own(made, l2=l2), np.arange(64))
        kernel.assign(np.full(kernel.shape, 0.5, "float32"))
        made.fit(0, np.arange(BATCH)[None], faces.labels, [])
        return state(made.net.head.variables)

    plain, pulled = stepped(0.0), stepped(0.01)
    assert made.traces == 1
    for before, after in zip(plain, pulled, strict=True):
        np.testing.assert_allclose(after - before, -0.001 if after.ndim == 2 else 0.0, atol=1e-6)


def test_images_of_255_pixels_reach_the_logits(faces):
    made = build(faces, image_size=255, phases=(ALL,))
    made.reset(0, own(made), np.arange(8))
    logits = made.logits(0, np.arange(3))
    assert logits.shape == (3, 5)
    assert np.isfinite(logits).all()


def test_strength_by_image_is_set_back_by_the_next_trial(lively, faces):
    first = train(lively, faces)

    def strengthened(factors):
        lively.reset(0, own(lively), np.arange(64))
        lively.strengthen(factors[faces.labels])
        for phase in range(2):
            lively.fit(phase, stream(lively, phase), faces.labels, [])
        return lively.logits(1, np.arange(50))

    np.testing.assert_array_equal(strengthened(np.ones(5)), first, "a factor of 1 changes no bit")
    assert not np.array_equal(strengthened(np.array([1, 3.0, 1, 1, 1])), first)
    np.testing.assert_array_equal(train(lively, faces), first)
    assert lively.traces == 2


# Rows made of features


def doubled(features, labels):
    """Each row of class 1 once more, moved by 1."""
    again = np.flatnonzero(labels == 1)
    return np.concatenate([features, features[again] + 1]), np.concatenate([labels, labels[again]])


def test_made_rows_are_trained_on_in_phases_on_features_only(faces):
    made = build(faces)
    train_on, extra = np.arange(180), int(np.sum(faces.labels[:180] == 1))
    made.make_room(extra)
    made.reset(0, own(made), np.arange(64))
    rows, labels = made.extend(0, train_on, faces.labels, doubled)
    np.testing.assert_array_equal(rows, [*range(180), *range(300, 300 + extra)])
    assert labels[300:].tolist() == [1] * extra
    made.hold(0, rows)
    (bank,) = state([made._features.source.bank])
    assert bank.shape == (300 + extra, 128)
    np.testing.assert_array_equal(bank[300:], bank[:180][faces.labels[:180] == 1] + 1)
    before = state(made.net.head.variables)
    made.fit(0, np.resize(rows[180:], (1, BATCH)), labels, [])
    assert not same(before, state(made.net.head.variables))
    for unchanged in (made.extend(1, train_on, faces.labels, doubled), (train_on, faces.labels)):
        assert unchanged[0] is train_on
        assert unchanged[1] is faces.labels


def test_room_for_made_rows_costs_one_trace_and_changes_no_other_trial(faces):
    made = build(faces)
    first = train(made, faces)
    made.make_room(40)
    np.testing.assert_array_equal(train(made, faces), first)
    assert made.traces == 3, "the phase on features once more"
    made.make_room(10)
    made.make_room(40)
    train(made, faces)
    assert made.traces == 3


def test_made_rows_count_as_features_that_have_to_fit(faces, monkeypatch):

    made = build(faces, phases=(HEAD,))
    monkeypatch.setattr("fer_bench.training.trainer.LARGEST_FEATURES", 305 * 128 * 4)
    assert made.cached(0)
    made.make_room(5)
    with pytest.raises(MemoryError, match=r"300 images and 6 made rows: 0\.0 GiB; at most 0\.0 fit: use"):
        made.make_room(6)


def test_made_rows_have_the_shape_of_a_convolutional_head(faces):
    class Convolutional(BACKBONES["compact_cnn"]):
        def convolutional_head(self, features):
            from keras import layers

            return layers.Conv2D(8, 1)(features)

    from fer_bench.training.trainer import Trainer

    made = Trainer(Convolutional(), recipe(phases=(HEAD,)), faces.pixels, 5, None)
    extra = int(np.sum(faces.labels[:180] == 1))
    made.make_room(extra)
    made.reset(0, own(made), np.arange(64))
    rows, labels = made.extend(0, np.arange(180), faces.labels, doubled)
    made.fit(0, np.resize(rows, (1, 6 * BATCH)), labels, [])
    (bank,) = state([made._features.source.bank])
    assert bank.shape == (300 + extra, 2, 2, 128)
    np.testing.assert_array_equal(bank[300], bank[:180][faces.labels[:180] == 1][0] + 1)


def test_reading_pads_and_cuts(trainer):
    trainer.reset(0, own(trainer), np.arange(64))
    whole = trainer.logits(1, np.arange(300))
    assert whole.shape == (300, 5)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(trainer.logits(1, np.array([299, 3])), whole[[299, 3]], rtol=1e-4, atol=1e-5)
    assert trainer.logits(1, np.zeros(0, int)).shape == (0, 5)


def test_reading_is_without_augmentation_and_dropout(lively):
    lively.reset(0, own(lively, dropout=0.9, augmentation_strength=5), np.arange(64))
    np.testing.assert_array_equal(lively.logits(0, np.arange(40)), lively.logits(0, np.arange(40)))


def test_the_saved_net_holds_no_pixels(trainer, tmp_path):
    path = tmp_path / "net.weights.h5"
    trainer.net.whole.save_weights(path)
    assert path.stat().st_size < 20 * trainer.parameters


def test_half_precision_trains(faces):
    made = build(faces, phases=(ALL,), precision="bfloat16", head={"dropout": 0.2}, augmentation=AUGMENTATION)
    logits = train(made, faces)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
