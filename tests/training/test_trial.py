"""One training from end to end: what it draws, what it keeps, and that it can be had again to the bit."""

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("keras")

from faces import draw_faces

from fer_bench.backbones.base import BACKBONES
from fer_bench.data.splits import Split
from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.study.recipe import Recipe, Settings, settings

AUGMENTATION = {"rotation": 10, "shift": 0.1}
HEAD = {"trainable": "head", "epochs": 3}
BASE = {"image_size": 24, "batch_size": 32, "weights": "none", "learning_rate": 3e-3, "augmentation": None}
RECIPES = {
    "cached": {**BASE, "phases": [HEAD, {"trainable": "all", "epochs": 2}], "head": {"dropout": 0.2}},
    "augmented": {
        **BASE,
        "phases": [HEAD, {"trainable": {"last": 4}, "epochs": 2}],
        "augmentation": AUGMENTATION,
        "head": {"dense": [8], "dropout": 0.3},
    },
}


ACTING = {"cached": "smote", "augmented": "targeted_augmentation"}  # elsewhere these two change nothing


def data_of(faces):
    from fer_bench.data.trial_data import TrialData

    train, val = (np.flatnonzero(faces.in_subset(name)) for name in ("train", "val"))
    split = Split("made", train, val[:60], val[60:], np.ones(len(val[60:]), bool), False)
    return TrialData.of(faces, split)


def build(data, **recipe):
    from fer_bench.training.trainer import Trainer

    return Trainer(BACKBONES["compact_cnn"](), Recipe(**{**BASE, **recipe}), data.pixels, 5, None)


def run(trainer, data, strategy="none", seed=0, test=False, on_epoch=lambda row: None, **changes):
    from fer_bench.training.trial import run_trial

    made = STRATEGIES[strategy]() if isinstance(strategy, str) else strategy
    used = Settings(**{**settings(trainer.recipe).model_dump(), **changes})
    return run_trial(trainer, made, used, seed, data, test=test, on_epoch=on_epoch)


@pytest.fixture(scope="module")
def data(faces):
    return data_of(faces)


@pytest.fixture(scope="module")
def trainer(data):
    return build(data, **RECIPES["cached"])


def test_a_dozen_trials_are_traced_once_per_phase(data, trainer):
    for seed, strategy in enumerate(["none", "class_weights", "focal_loss", "oversampling"] * 2):
        run(trainer, data, strategy, seed, dropout=0.1 * seed, learning_rate=1e-3 * (1 + seed), test=seed > 5)
    for terms in ({"label_smoothing": 0.1}, {"l2": 1e-2}, {"weight_decay": 1e-2}, {}):
        run(trainer, data, "none", 9, **terms)
    assert trainer.traces == 2


def fingerprint(outcome):
    digest = hashlib.sha256()
    for part in (outcome.val_logits, outcome.test_logits):
        digest.update(np.ascontiguousarray(part).tobytes())
    timeless = [{k: v for k, v in row.items() if k != "seconds"} for row in outcome.history]
    return [digest.hexdigest(), outcome.best_epoch, timeless]


def wanted(which, recipe):
    """The trials whose numbers a process gives: `warm` has had others before."""
    data = data_of(draw_faces())
    trainer = build(data, **RECIPES[recipe])
    if which == "warm":
        run(trainer, data, "class_weights", 1, learning_rate=1e-2, dropout=0.5, label_smoothing=0.1)
        run(trainer, data, ACTING[recipe], 3)
        run(trainer, data, "oversampling", 2, weight_decay=0.1, l2=0.1)
    names = ("focal_loss", "none", ACTING[recipe])
    return [fingerprint(run(trainer, data, name, 2, test=True)) for name in names]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_a_trial_in_a_warm_process_is_bitwise_that_in_a_fresh_one(recipe):
    script = f"import json, test_trial; print(json.dumps(test_trial.wanted('fresh', {recipe!r})))"
    paths = [p for p in sys.path if p]
    fresh = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {script}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert fresh.returncode == 0, fresh.stderr
    assert json.loads(json.dumps(wanted("warm", recipe))) == json.loads(fresh.stdout.splitlines()[-1])


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_strategies_and_seeds_give_different_numbers(data, recipe):
    trainer = build(data, **RECIPES[recipe])
    found = {name: run(trainer, data, name).val_logits.tobytes() for name in STRATEGIES}
    (idle,) = {*ACTING.values()} - {ACTING[recipe]}
    assert found.pop(idle) == found["none"], "to the last bit"
    assert len(set(found.values())) == len(found)
    assert run(trainer, data, "none", 1).val_logits.tobytes() != found["none"]


def test_smote_draws_flat_classes_until_the_trunk_is_trained_in_as_many_steps(data, monkeypatch):
    made = build(data, **RECIPES["cached"])
    streams, fit = [], made.fit

    def noting(phase, stream, labels, callbacks):
        if callbacks:
            streams.append(labels[stream])
        fit(phase, stream, labels, callbacks)

    monkeypatch.setattr(made, "fit", noting)
    run(made, data, "smote")
    assert [drawn.shape for drawn in streams] == [(3, 160), (2, 160)], "as without a strategy"
    head, whole = (np.bincount(drawn.ravel()) / drawn.size for drawn in streams)
    np.testing.assert_allclose(head, 0.2, atol=0.03)
    np.testing.assert_allclose(whole, np.bincount(data.labels[data.train]) / 180, atol=0.03)


def test_smote_whose_rows_do_not_fit_fails_the_trial_and_not_the_next(data, monkeypatch):
    from fer_bench.training import trainer as module

    made = build(data, **RECIPES["cached"])
    expected = run(made, data).val_logits
    monkeypatch.setattr(module, "LARGEST_FEATURES", len(data.pixels) * 128 * 4)
    with pytest.raises(MemoryError, match="use fewer train_images"):
        run(made, data, "smote")
    np.testing.assert_array_equal(run(made, data).val_logits, expected)


def test_it_learns(data):
    made = build(data, phases=[{"trainable": "all", "epochs": 12}], learning_rate=1e-2)
    outcome = run(made, data, "oversampling")
    found = scores(data.labels[data.val], outcome.val_logits, data.classes)
    assert found["macro_f1"] > 0.6
    assert outcome.history[-1]["train/loss"] < outcome.history[0]["train/loss"]


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_best_epoch_is_kept_and_restored(data, name):
    made = build(data, **{**RECIPES[name], "learning_rate": 3e-2})
    outcome = run(made, data, "none", 3, test=True)
    curve = [row["val/macro_f1"] for row in outcome.history]
    assert outcome.best_epoch == 1 + int(np.argmax(curve)), "the earlier where two are equal"
    found = scores(data.labels[data.val], outcome.val_logits, data.classes)
    assert found["macro_f1"] == pytest.approx(max(curve))
    last = len(made.recipe.phases) - 1
    phase = int(outcome.history[outcome.best_epoch - 1]["phase"])
    np.testing.assert_array_equal(made.logits(phase, data.val), outcome.val_logits)
    np.testing.assert_allclose(made.logits(last, data.val), outcome.val_logits, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(made.logits(phase, data.test), outcome.test_logits)


def test_what_is_told_of_every_epoch(data, trainer):
    rows = []
    outcome = run(trainer, data, "class_weights", on_epoch=rows.append)
    assert rows == outcome.history
    assert [row["phase"] for row in rows] == [0, 0, 0, 1, 1]
    assert set(rows[0]) == {
        "train/objective", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/macro_f1",
        "learning_rate", "seconds", "phase",
    }  # fmt: skip
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert outcome.steps == 5 * (180 // 32)
    assert outcome.images_per_second > 0
    assert outcome.peak_memory_mib > 100
    assert outcome.test_logits is None, "trials never see test"
    assert outcome.val_logits.shape == (60, 5)
    assert outcome.val_logits.dtype == np.float32


def test_plain_training_reports_its_objective_as_its_cross_entropy(data, trainer):
    rows = run(trainer, data, "none").history
    assert [row["train/objective"] for row in rows] == pytest.approx(
        [row["train/loss"] for row in rows], rel=1e-4
    )


def test_a_loss_that_is_no_number_fails_the_trial_and_not_the_next(data, trainer):
    from fer_bench.training.outcome import TrialFailed

    expected = run(trainer, data).val_logits

    @dataclasses.dataclass(frozen=True)
    class Broken(Strategy):
        def loss_terms(self, class_counts, progress):
            return LossTerms(scale=float("nan") if progress > 0.3 else 1.0)

    with pytest.raises(TrialFailed, match="the loss became nan in epoch 3"):
        run(trainer, data, Broken())
    np.testing.assert_array_equal(run(trainer, data).val_logits, expected)
    assert trainer.traces == 2


def test_validation_logits_that_are_no_numbers_fail_the_trial(data, trainer, monkeypatch):
    from fer_bench.training.outcome import TrialFailed

    monkeypatch.setattr(trainer, "logits", lambda phase, index: np.full((len(index), 5), np.nan, "float32"))
    with pytest.raises(TrialFailed, match="validation logits are not finite in epoch 1"):
        run(trainer, data)


def frozen_scores(monkeypatch, values, name="macro_f1"):
    """Have validation score these values, one epoch after the other, the last one ever after."""

    rest = iter(values)
    from fer_bench.evaluation.metrics import scores as plain

    monkeypatch.setattr(
        "fer_bench.training.callbacks.scores", lambda *a: {**plain(*a), name: next(rest, values[-1])}
    )


def test_early_stopping_ends_a_phase_and_not_the_training(data, monkeypatch):
    made = build(data, phases=[{**HEAD, "epochs": 9}, {**HEAD, "epochs": 4}], early_stopping=2)
    frozen_scores(monkeypatch, [0.1, 0.2, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6])
    outcome = run(made, data)
    assert [row["phase"] for row in outcome.history] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert outcome.best_epoch == 8
    assert outcome.steps == 8 * 5


def test_a_plateau_lowers_the_learning_rate_in_this_trial_only(data, monkeypatch):
    made = build(
        data, phases=[{**HEAD, "epochs": 5}], plateau={"factor": 0.5, "patience": 2}, learning_rate=1e-2
    )
    frozen_scores(monkeypatch, [0.2])
    for _ in range(2):
        rates = [row["learning_rate"] for row in run(made, data).history]
        assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 5e-3, 5e-3])


def test_a_plateau_may_watch_another_score_than_the_recipe(data, monkeypatch):
    made = build(
        data, phases=[{**HEAD, "epochs": 4}], plateau={"patience": 1, "monitor": "loss"}, learning_rate=1e-2
    )
    frozen_scores(monkeypatch, [1.0, 1.1, 1.2, 1.3], "loss")
    rates = [row["learning_rate"] for row in run(made, data).history]
    assert rates == pytest.approx([1e-2, 1e-2, 5e-3, 2.5e-3])


def test_phases_have_learning_rates_of_their_own(data):
    made = build(data, phases=[HEAD, {**HEAD, "learning_rate": 3e-4}])
    rates = [row["learning_rate"] for row in run(made, data, learning_rate=6e-3).history]
    assert rates == pytest.approx([6e-3] * 3 + [6e-4] * 3)


@dataclasses.dataclass(frozen=True)
class Noting(Strategy):
    """Writes down when it is asked."""

    pools: list = dataclasses.field(default_factory=list)
    terms: list = dataclasses.field(default_factory=list)

    def resample(self, labels, seed, progress):
        self.pools.append(progress)
        return super().resample(labels, seed, progress)

    def loss_terms(self, class_counts, progress):
        self.terms.append(progress)
        return super().loss_terms(class_counts, progress)


def test_progress_runs_from_0_towards_1_over_all_phases(data, trainer):
    noting = Noting()
    run(trainer, data, noting)
    assert noting.terms == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert noting.pools[0] == 0
    assert sorted(noting.pools) == noting.pools
    assert 0.7 < noting.pools[-1] < 1
    assert min(p for p in noting.pools if p >= 0.6) == pytest.approx(0.6), "the second phase begins there"


def test_a_phase_that_stopped_early_counts_as_done(data, monkeypatch):
    made = build(data, phases=[{**HEAD, "epochs": 6}, {**HEAD, "epochs": 2}], early_stopping=1)
    frozen_scores(monkeypatch, [0.2, 0.1, 0.3, 0.4])
    noting = Noting()
    run(made, data, noting)
    assert noting.terms == pytest.approx([0, 1 / 8, 6 / 8, 7 / 8])
    assert noting.pools[-2] == pytest.approx(6 / 8), "for sampling too"


def test_weights_have_mean_1_over_what_is_drawn(data, trainer):
    class Both(type(STRATEGIES["oversampling"]())):
        def loss_terms(self, class_counts, progress):
            return LossTerms(weights=np.array([1.0, 5, 2, 3, 4]))

    run(trainer, data, Both())
    weights = np.asarray(trainer.terms.class_weights)
    np.testing.assert_allclose(weights / weights[0], [1, 5, 2, 3, 4], rtol=1e-5)
    assert weights.mean() == pytest.approx(1, rel=0.05), "the stream is flat but for its last pass"


# The stream of indices


LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [50, 30, 15, 5])).astype(np.int32)


def stream(strategy="none", epochs=4, seed=0, batch=16, labels=LABELS):
    from fer_bench.training.sampling import index_stream

    made = STRATEGIES[strategy]() if isinstance(strategy, str) else strategy
    return index_stream(made, labels, len(labels), batch, epochs, 0.0, 1.0, seed)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_stream_is_as_long_for_every_strategy(strategy):
    drawn = stream(strategy)
    assert drawn.shape == (4, 100 // 16 * 16)
    assert 0 <= drawn.min() <= drawn.max() < 100
    np.testing.assert_array_equal(drawn, stream(strategy))
    assert not np.array_equal(drawn, stream(strategy, seed=1))


def test_without_a_strategy_every_image_comes_once_per_pass():
    drawn = stream(epochs=9).ravel()
    for first in range(0, len(drawn) - 99, 100):
        np.testing.assert_array_equal(np.sort(drawn[first : first + 100]), np.arange(100))
    assert not np.array_equal(drawn[:100], drawn[100:200]), "shuffled anew"


def test_the_oversampled_stream_is_flat_and_made_anew_in_every_pass():
    drawn = stream("oversampling", epochs=25).ravel()
    shares = np.bincount(LABELS[drawn]) / len(drawn)
    np.testing.assert_allclose(shares, 0.25, atol=0.01)
    rare = np.flatnonzero(LABELS == 3)
    copies = [np.bincount(drawn[i : i + 200], minlength=100)[rare] for i in (0, 200, 400)]
    assert all(c.sum() == 50 for c in copies)
    assert not np.array_equal(copies[0], copies[1])


def test_fewer_images_than_a_batch_fail():
    from fer_bench.training.outcome import TrialFailed

    with pytest.raises(TrialFailed, match="100 training images are fewer than a batch of 128"):
        stream(batch=128)


def test_the_epoch_that_is_kept_is_the_recipe_s_choice(data):
    phases = [{"trainable": "all", "epochs": 4}]
    for monitor in ("macro_f1", "accuracy", "loss"):
        outcome = run(build(data, phases=phases, monitor=monitor, learning_rate=0.02), data)
        curve = [row[f"val/{monitor}"] for row in outcome.history]
        best = min(curve) if monitor == "loss" else max(curve)
        assert curve.index(best) + 1 == outcome.best_epoch
        found = scores(data.labels[data.val], outcome.val_logits, data.classes)
        assert found[monitor] == pytest.approx(best)
    last = run(build(data, phases=phases, keep="last", learning_rate=0.02), data)
    assert last.best_epoch == 4
    assert last.history[-1]["val/loss"] == pytest.approx(
        scores(data.labels[data.val], last.val_logits, data.classes)["loss"]
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_too_many_for_the_device_are_streamed_with_the_same_result(monkeypatch, faces, data, recipe):
    resident = run(build(data, **RECIPES[recipe]), data, "oversampling", test=True)
    for module in ("sources", "trial"):
        monkeypatch.setattr(f"fer_bench.{module}.LARGEST_BANK", data.pixels.size - 1)
    sent = data_of(faces)
    assert sent.pixels is faces.pixels, "nothing is copied"
    trainer = build(sent, **RECIPES[recipe])
    streamed = run(trainer, sent, "oversampling", test=True)
    assert trainer.traces == len(trainer.recipe.phases)
    assert trainer.pixels.streamed is not None
    np.testing.assert_allclose(streamed.test_logits, resident.test_logits, atol=1e-3)
    losses = [[row["train/loss"] for row in done.history] for done in (streamed, resident)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
