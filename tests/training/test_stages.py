"""Shared phases: a stage is trained once, and trainings of every kind of head go on from it."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np
import pytest
from trials import ALL, AUGMENTATION, HEAD, build, fingerprint, run, settings_of

from fer_bench.errors import UserError
from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import STRATEGIES, Head, LossTerms, Mixing, Strategy
from fer_bench.study.recipe import Recipe, settings
from fer_bench.training.trial import run_trial

SHARED = {**ALL, "shared": True}
STILL = {**HEAD, "augmentation": None}
RECIPE = {"augmentation": AUGMENTATION, "phases": [SHARED, STILL], "head": {"dropout": 0.2}}


@dataclass(frozen=True)
class Plain(Strategy):
    """A strategy with one kind of head, and terms of the loss."""

    kind: ClassVar[Head] = "linear"
    terms: ClassVar[LossTerms] = LossTerms()
    mixed: ClassVar[Mixing | None] = None

    def loss_terms(self, class_counts, progress):
        return self.terms

    def mixing(self, class_counts, progress):
        return self.mixed


def strategy(head="linear", terms=None, mixed=None):
    """A strategy with this head, these terms and this mixing."""
    fields = {"head": head, "terms": terms or LossTerms(), "mixed": mixed}
    return type("Made", (Plain,), fields)()


@pytest.fixture(scope="module")
def trainer(data):
    return build(data, **RECIPE)


@pytest.fixture(scope="module")
def stage_file(data, trainer, tmp_path_factory):
    """The weights of a stage, trained by the trainer."""
    run(trainer, data, seed=5)
    path = tmp_path_factory.mktemp("stage") / "stage.weights.h5"
    trainer.net.whole.save_weights(path)
    return path


@pytest.fixture
def stage(trainer, stage_file):
    return trainer.stages.read("s", stage_file)


def test_a_stage_is_what_none_would_be_without_further_phases(data, trainer):
    alone = build(data, **{**RECIPE, "phases": [ALL]})
    assert fingerprint(run(trainer, data, seed=5)) == fingerprint(run(alone, data, seed=5))


def test_a_stage_read_from_its_file_is_the_one_that_was_trained(data, trainer, stage_file):
    run(trainer, data, seed=5)
    trained = [
        np.array(keras.ops.convert_to_numpy(v.value))
        for v in trainer.net.whole.variables
        if v.name != "seed_generator_state"
    ]
    trainer.net.reset(9)
    state = trainer.stages.read("another key", stage_file).state
    names = [v.name for v in trainer.net.whole.variables]
    read = [value for name, value in zip(names, state, strict=True) if name != "seed_generator_state"]
    assert all(np.array_equal(a, b) for a, b in zip(trained, read, strict=True))


def test_a_training_behind_a_stage_goes_on_from_it_on_cached_features(data, trainer, stage):
    made, changed = STRATEGIES["none"](), settings_of(trainer)
    trainer.begin_trial(made, changed, 1, data, stage)
    assert list(trainer.phases) == [1]
    assert trainer.cached(1)
    before = trainer.logits(1, data.val)
    outcome = run_trial(trainer, made, changed, 1, data, stage=stage)
    assert [row["phase"] for row in outcome.history] == [1, 1, 1]
    stage_logits = run(trainer, data, seed=5).val_logits
    np.testing.assert_allclose(before, stage_logits, rtol=1e-4, atol=1e-4)
    again = run_trial(trainer, made, changed, 1, data, stage=stage)
    assert fingerprint(again) == fingerprint(outcome), "whatever was trained between"


def test_a_fresh_head_is_drawn_anew(data, trainer, stage):
    trainer.begin_trial(strategy("fresh"), settings_of(trainer), 1, data, stage)
    kept = trainer.net.classifier[0]
    trainer.train_phase(1)
    fresh = run_trial(trainer, strategy("fresh"), settings_of(trainer), 1, data, stage=stage)
    goes_on = run_trial(trainer, strategy(), settings_of(trainer), 1, data, stage=stage)
    assert not np.array_equal(trainer.net.classifier[0], kept)
    assert fresh.history[0]["train/loss"] > goes_on.history[0]["train/loss"]


def test_reset_head_in_a_phase_does_the_same_for_every_strategy(data, stage_file):
    resetting = build(data, **{**RECIPE, "phases": [SHARED, {**STILL, "reset_head": True}]})
    plain = build(data, **RECIPE)
    found = run_trial(
        resetting, strategy(), settings_of(plain), 1, data, stage=resetting.stages.read("s", stage_file)
    )
    expected = run_trial(
        plain, strategy("fresh"), settings_of(plain), 1, data, stage=plain.stages.read("s", stage_file)
    )
    assert fingerprint(found) == fingerprint(expected)


def test_each_variant_is_one_more_step_and_plain_strategies_pay_nothing(data, stage_file):
    trainer = build(data, **RECIPE)
    stage = trainer.stages.read("s", stage_file)

    def traces(*strategies):
        before = trainer.traces
        for made in strategies:
            run_trial(trainer, made, settings_of(trainer), 1, data, stage=stage)
        return trainer.traces - before

    plain = [STRATEGIES[name]() for name in ("none", "class_weights", "focal_loss", "oversampling")]
    assert traces(*plain, strategy(terms=LossTerms(box_cox=0.5, scale=np.full(5, 2.0)))) == 1
    cosine = [strategy("cosine", LossTerms(scale=s)) for s in (10.0, 30.0)]
    assert traces(*cosine) == 1
    assert traces(*[strategy(mixed=Mixing(alpha=a)) for a in (0.2, 1.0)]) == 1
    assert traces(strategy("scaled")) == traces(strategy("experts")) == 1
    assert traces(strategy(terms=LossTerms(influence=1.0))) == 1
    assert traces(strategy(terms=LossTerms(suppression=0.5))) == 1
    assert traces(*plain, *cosine, strategy("fresh")) == 0


@pytest.mark.parametrize(
    "made",
    [
        strategy("cosine", LossTerms(scale=10.0)),
        strategy("scaled"),
        strategy("experts", LossTerms(shift=np.arange(15.0).reshape(3, 5) / 10)),
        strategy(mixed=Mixing(alpha=1.0)),
        strategy(terms=LossTerms(influence=1.0)),
        strategy(terms=LossTerms(suppression=0.5)),
    ],
    ids=["cosine", "scaled", "experts", "mixing", "influence", "suppression"],
)
def test_a_variant_trains_and_is_the_same_again_whatever_was_trained_before(made, data, trainer, stage):
    def train(seed=1):
        return run_trial(trainer, made, settings_of(trainer), seed, data, stage=stage, test=True)

    first = train()
    run_trial(trainer, strategy(), settings_of(trainer), 3, data, stage=stage)
    assert fingerprint(train()) == fingerprint(first)
    assert fingerprint(train(2)) != fingerprint(first)
    trainer.begin_trial(made, settings_of(trainer), 1, data, stage)
    assert not np.allclose(first.val_logits, trainer.logits(1, data.val), atol=1e-4), "it learns something"


def test_heads_that_become_a_dense_layer_predict_as_in_training(data, trainer, stage):
    for kind in ("scaled", "experts"):
        outcome = run_trial(trainer, strategy(kind), settings_of(trainer), 1, data, stage=stage)
        last = outcome.history[outcome.best_epoch - 1]
        found = scores(data.labels[data.val], outcome.val_logits, data.classes)
        assert found["loss"] == pytest.approx(last["val/loss"], rel=1e-4)


def test_the_head_is_adjusted_after_training(data, trainer, stage):
    class Halved(Plain):
        def adjust_head(self, kernel, bias, class_counts, class_means):
            means = class_means()
            assert means.shape == (5, kernel.shape[0])
            return kernel / 2, bias / 2

    halved = run_trial(trainer, Halved(), settings_of(trainer), 1, data, stage=stage, test=True)
    plain = run_trial(trainer, strategy(), settings_of(trainer), 1, data, stage=stage, test=True)
    np.testing.assert_allclose(halved.val_logits, plain.val_logits / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(halved.test_logits, plain.test_logits / 2, rtol=1e-4, atol=1e-5)


def test_class_means_are_those_of_the_training_images(data, trainer, stage):
    seen = {}

    class Looking(Plain):
        def adjust_head(self, kernel, bias, class_counts, class_means):
            seen["means"] = class_means()
            return kernel, bias

    run_trial(trainer, Looking(), settings_of(trainer), 1, data, stage=stage)
    features = trainer.net.body.predict(
        np.array(trainer.pixel_bank(trainer.pixel_bank.inputs(data.train))), verbose=0
    )
    labels = data.labels[data.train]
    expected = np.stack([features[labels == c].mean(axis=0) for c in range(5)])
    np.testing.assert_allclose(seen["means"], expected, rtol=1e-3, atol=1e-4)


def test_before_a_strategy_begins_no_epoch_is_kept(data, trainer, stage):
    class Late(Plain):
        @property
        def selectable_from(self):
            return 0.6

    outcome = run_trial(trainer, Late(), settings_of(trainer), 1, data, stage=stage)
    assert outcome.best_epoch == 3, "of three epochs the last alone begins behind 0.6"


def test_weights_of_another_net_are_said_in_one_line(data, trainer, tmp_path):
    other = build(data, **{**RECIPE, "head": {"dense": [7]}})
    path = tmp_path / "other.weights.h5"
    other.net.whole.save_weights(path)
    with pytest.raises(UserError, match="not the weights of this net"):
        trainer.stages.read("other", path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="not the weights of this net"):
        trainer.stages.read("cut", path)


def test_a_phase_has_the_augmentation_that_it_says(data):
    recipe = Recipe(**{**RECIPE, "image_size": 24, "weights": "none"})
    assert recipe.augmentation_of(0) == recipe.augmentation
    assert recipe.augmentation_of(1) is None
    assert recipe.frozen(1)
    own = Recipe(
        image_size=24, weights="none", augmentation=None,
        phases=[{**ALL, "augmentation": {"rotation": 5, "strength": 0.5}}],
    )  # fmt: skip
    assert settings(own).augmentation_strength == 1.0
    trainer = build(data, augmentation=None, phases=[{**ALL, "augmentation": {"rotation": 30}}, HEAD])
    still = build(data, augmentation=None, phases=[ALL, HEAD])
    usual = build(data, augmentation={"rotation": 30}, phases=[ALL, {**HEAD, "augmentation": None}])
    outcomes = [run(each, data, seed=1) for each in (trainer, usual, still)]
    assert fingerprint(outcomes[0]) == fingerprint(outcomes[1])
    assert fingerprint(outcomes[0]) != fingerprint(outcomes[2])
