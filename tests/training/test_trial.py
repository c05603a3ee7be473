import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from trials import AUGMENTATION, HEAD, RECIPES, build, fingerprints, run, settings_of, trial_data

from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import STRATEGIES
from fer_bench.training.outcome import Stage
from fer_bench.training.stages import whole_state
from fer_bench.training.trainer import Trainer
from fer_bench.training.trial import run_trial


class RecordingTrainer(Trainer):
    """Records the labels of the stream of every phase that a trial trains, (epochs, steps * B)."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.streams = []

    def _fit(self, phase, stream, labels, progress=0.0, callbacks=(), first_epoch=0):
        if callbacks:
            self.streams.append(labels[stream])
        super()._fit(phase, stream, labels, progress, callbacks, first_epoch)


@pytest.fixture(scope="module")
def trainers(data):
    """A trainer for each recipe."""
    return {name: build(data, kind=RecordingTrainer, **recipe) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def tight(data):
    """A trainer on cached features, without room for rows made of them."""
    return build(data, limits={"largest_features": len(data.pixels) * 128 * 4}, **RECIPES["cached"])


def test_a_dozen_trials_are_traced_once_per_phase(data, tight):
    for seed, strategy in enumerate(["none", "class_weights", "focal_loss", "oversampling"] * 2):
        run(tight, data, strategy, seed, dropout=0.1 * seed, learning_rate=1e-3 * (1 + seed), test=seed > 5)
    for terms in ({"label_smoothing": 0.1}, {"l2": 1e-2}, {"weight_decay": 1e-2}, {}):
        run(tight, data, "none", 9, **terms)
    assert tight.traces == 2


@pytest.mark.parametrize("recipe", ["cached", pytest.param("augmented", marks=pytest.mark.slow)])
def test_a_trial_in_a_warm_process_is_bitwise_that_in_a_fresh_one(recipe, data, trainers):
    script = (
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}; import json, trials as t; "
        f"data = t.trial_data(); trainer = t.build(data, **t.RECIPES[{recipe!r}]); "
        f"print(json.dumps(t.fingerprints(trainer, data, {recipe!r}, warm=False)))"
    )
    fresh = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert fresh.returncode == 0, fresh.stderr
    warm = fingerprints(trainers[recipe], data, recipe, warm=True)
    assert json.loads(json.dumps(warm)) == json.loads(fresh.stdout.splitlines()[-1])


IDLE = {  # strategies that can't act: on pixels where there are features only, or the other way round
    "features": {"targeted_augmentation", "cmo"},
    "cached": {"targeted_augmentation"},
    "augmented": {"smote", "adasyn", "borderline_smote"},
}


@pytest.mark.parametrize(
    "recipe", ["features", *(pytest.param(name, marks=pytest.mark.slow) for name in RECIPES)]
)
def test_strategies_and_seeds_give_different_numbers(recipe, data, trainers):
    features = {"phases": [{**HEAD, "epochs": 5}], "head": {"dropout": 0.2}}
    trainer, alike = trainers.get(recipe) or build(data, **features), {}
    for name in STRATEGIES:
        alike.setdefault(run(trainer, data, name).val_logits.tobytes(), set()).add(name)
    same = [
        {"class_weights", "effective_number"},  # a ratio of weights out of reach is inverse frequency
        {"balanced_softmax", "logit_adjustment"},  # tau is 1
        {"none", "posthoc_adjustment", "fitted_bias"} | IDLE[recipe],  # decide otherwise, or can't act here
    ]
    assert sorted((names for names in alike.values() if len(names) > 1), key=max) == same, "to the last bit"
    (plain,) = (logits for logits, names in alike.items() if "none" in names)
    assert run(trainer, data, "none", 1).val_logits.tobytes() != plain


def test_strategies_that_act_on_pixels_give_different_numbers(data, trainers):
    numbers = [
        run(trainers["augmented"], data, name).val_logits.tobytes()
        for name in ("none", "targeted_augmentation", "cmo", "mixup")
    ]
    assert len(set(numbers)) == 4


def test_smote_draws_flat_classes_until_the_trunk_is_trained_in_as_many_steps(data, trainers):
    streams = trainers["cached"].streams
    streams.clear()
    run(trainers["cached"], data, "smote")
    assert [drawn.shape for drawn in streams] == [(3, 160), (2, 160)], "as without a strategy"
    head, whole = (np.bincount(drawn.ravel()) / drawn.size for drawn in streams)
    np.testing.assert_allclose(head, 0.2, atol=0.03)
    np.testing.assert_allclose(whole, np.bincount(data.labels[data.train]) / 180, atol=0.03)


@pytest.mark.parametrize("strategy", ["class_weights", "smote", "mixup", "ldam"])
def test_votes_that_all_agree_give_the_numbers_of_hard_labels(strategy, data, trainers):
    one_hot = np.eye(5, dtype="float32")[data.labels]
    trainer = build(data, **RECIPES["cached"], labels="votes")
    before = trainers["cached"].traces
    hard = run(trainers["cached"], replace(data, votes=one_hot), strategy, 3, test=True)
    traced = trainers["cached"].traces - before
    soft = run(trainer, replace(data, votes=one_hot), strategy, 3, test=True)
    np.testing.assert_allclose(soft.val_logits, hard.val_logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(soft.test_logits, hard.test_logits, rtol=1e-5, atol=1e-5)
    assert traced <= trainer.traces == 2, "once for each phase"


def test_votes_are_what_is_trained_on_and_labels_what_is_scored(data, trainers):
    """Raters who all say happy teach happy, whatever the label."""
    trainer = build(data, phases=[{"trainable": "head", "epochs": 5}], labels="votes")
    happy = np.eye(5, dtype="float32")[np.full(len(data.labels), 2)]
    outcome = run(trainer, replace(data, votes=happy))
    assert (outcome.val_logits.argmax(axis=1) == 2).all()
    share = (data.labels[data.val] == 2).mean()
    assert outcome.history[-1]["val/accuracy"] == pytest.approx(share)
    assert outcome.history[-1]["train/accuracy"] == 1


def test_making_images_counts_as_training_and_of_a_tested_trial_they_are_shown(data, trainers):
    trainer = trainers["cached"]
    plain, made = (run(trainer, data, name, 11, test=True) for name in ("none", "deep_smote"))
    steps = sum(row["seconds"] for row in made.history)
    assert plain.train_seconds == pytest.approx(sum(row["seconds"] for row in plain.history))
    assert made.train_seconds == pytest.approx(steps + trainer.made.seconds)
    assert trainer.made.seconds > 0.1
    assert made.setup_seconds > 0
    assert plain.made_images is None
    assert made.made_images.shape == (5, 2, 6, 24, 24, 1)
    assert run(trainer, data, "deep_smote", 11).made_images is None, "a trial has no figures"


def test_images_are_made_behind_shared_phases(data):
    shared = {"trainable": "all", "epochs": 1, "shared": True}
    trainer = build(data, phases=[shared, {**HEAD, "augmentation": None}], augmentation=AUGMENTATION)
    run(trainer, data, "none")
    assert trainer.phases == range(1)
    stage = Stage("of the test", whole_state(trainer.net))
    outcomes = [
        run_trial(trainer, STRATEGIES[name](), settings_of(trainer), 0, data, stage=stage)
        for name in ("none", "deep_smote", "none", "deep_smote")
    ]
    numbers = [outcome.val_logits.tobytes() for outcome in outcomes]
    assert numbers[:2] == numbers[2:]
    assert numbers[0] != numbers[1]


def test_smote_whose_rows_do_not_fit_fails_the_trial_and_not_the_next(data, tight):
    expected = run(tight, data).val_logits
    with pytest.raises(MemoryError, match="use fewer train_images"):
        run(tight, data, "smote")
    np.testing.assert_array_equal(run(tight, data).val_logits, expected)


def test_it_learns(data):
    trainer = build(data, phases=[{"trainable": "all", "epochs": 12}], learning_rate=1e-2)
    outcome = run(trainer, data, "oversampling")
    validation = scores(data.labels[data.val], outcome.val_logits, data.classes)
    assert validation["macro_f1"] > 0.6
    assert outcome.history[-1]["train/loss"] < outcome.history[0]["train/loss"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_too_many_for_the_device_are_streamed_with_the_same_result(recipe, faces, data, trainers):
    resident = run(trainers[recipe], data, "oversampling", test=True)
    limit = {"largest_bank": data.pixels.size - 1}
    sent = trial_data(faces, **limit)
    assert sent.pixels is faces.pixels, "nothing is copied"
    trainer = build(sent, limits=limit, **RECIPES[recipe])
    streamed = run(trainer, sent, "oversampling", test=True)
    assert trainer.traces == len(trainer.recipe.phases)
    assert trainer.pixel_bank.host_pixels is not None
    np.testing.assert_allclose(streamed.test_logits, resident.test_logits, atol=1e-3)
    losses = [[row["train/loss"] for row in done.history] for done in (streamed, resident)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
