import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from trials import HEAD, RECIPES, build, run

from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import STRATEGIES, LossTerms, Strategy
from fer_bench.training.outcome import TrialFailed
from fer_bench.training.trainer import Trainer


@pytest.fixture(scope="module")
def trainer(trainer_of):
    """Three epochs of the head on cached features, then two of everything."""
    return trainer_of(**RECIPES["cached"])


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_the_best_epoch_is_kept_and_restored(trainer_of, data, recipe):
    trainer = trainer_of(**RECIPES[recipe])
    outcome = run(trainer, data, "none", 3, test=True, learning_rate=3e-2)
    curve = [row["val/macro_f1"] for row in outcome.history]
    assert outcome.best_epoch == 1 + int(np.argmax(curve)), "the earlier where two are equal"
    validation = scores(data.labels[data.val], outcome.val_logits, data.classes)
    assert validation["macro_f1"] == pytest.approx(max(curve))
    last = len(trainer.recipe.phases) - 1
    phase = int(outcome.history[outcome.best_epoch - 1]["phase"])
    np.testing.assert_array_equal(trainer.logits(phase, data.val), outcome.val_logits)
    np.testing.assert_allclose(trainer.logits(last, data.val), outcome.val_logits, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(trainer.logits(phase, data.test), outcome.test_logits)


def test_the_epoch_that_is_kept_is_the_recipe_s_choice(trainer_of, data):
    phases = [{**HEAD, "epochs": 4}]
    for monitor in ("macro_f1", "accuracy", "loss"):
        outcome = run(trainer_of(phases=phases, monitor=monitor, learning_rate=0.02), data)
        curve = [row[f"val/{monitor}"] for row in outcome.history]
        best = min(curve) if monitor == "loss" else max(curve)
        assert curve.index(best) + 1 == outcome.best_epoch
        validation = scores(data.labels[data.val], outcome.val_logits, data.classes)
        assert validation[monitor] == pytest.approx(best)
    last = run(trainer_of(phases=phases, keep="last", learning_rate=0.02), data)
    assert last.best_epoch == 4
    assert last.history[-1]["val/loss"] == pytest.approx(
        scores(data.labels[data.val], last.val_logits, data.classes)["loss"]
    )


def test_what_is_reported_of_every_epoch(data, trainer):
    rows = []
    outcome = run(trainer, data, "class_weights", on_epoch=rows.append)
    assert rows == outcome.history
    assert [row["phase"] for row in rows] == [0, 0, 0, 1, 1]
    assert set(rows[0]) == {
        "train/objective", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/macro_f1",
        "learning_rate", "seconds", "time", "phase",
    }  # fmt: skip
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert outcome.steps == 5 * (180 // 32)
    assert outcome.images_per_second > 0
    assert outcome.peak_memory_mib > 100
    assert outcome.test_logits is None, "trials never see test"
    assert outcome.val_logits.shape == (60, 5)
    assert outcome.val_logits.dtype == np.float32


def test_time_is_either_of_the_setup_or_of_the_training(data, trainer):
    began = time.perf_counter()
    outcome = run(trainer, data)
    elapsed = time.perf_counter() - began
    assert outcome.train_seconds == sum(row["seconds"] for row in outcome.history)
    assert 0 < outcome.setup_seconds < elapsed - outcome.train_seconds


def test_plain_training_reports_its_objective_as_its_cross_entropy(data, trainer):
    rows = run(trainer, data, "none").history
    assert [row["train/objective"] for row in rows] == pytest.approx(
        [row["train/loss"] for row in rows], rel=1e-4
    )


def test_weights_have_mean_1_over_what_is_drawn(data, trainer):
    class Both(type(STRATEGIES["oversampling"]())):
        def loss_terms(self, class_counts, progress):
            return LossTerms(weights=np.array([1.0, 5, 2, 3, 4]))

    run(trainer, data, Both())
    weights = np.asarray(trainer.terms.class_weights)
    np.testing.assert_allclose(weights / weights[0], [1, 5, 2, 3, 4], rtol=1e-5)
    assert weights.mean() == pytest.approx(1, rel=0.05), "the stream is flat but for its last pass"


def test_a_loss_that_is_no_number_fails_the_trial_and_not_the_next(data, trainer):
    expected, traces = run(trainer, data).val_logits, trainer.traces

    @dataclass(frozen=True)
    class Broken(Strategy):
        def loss_terms(self, class_counts, progress):
            return LossTerms(scale=float("nan") if progress > 0.3 else 1.0)

    with pytest.raises(TrialFailed, match="the loss became nan in epoch 3"):
        run(trainer, data, Broken())
    np.testing.assert_array_equal(run(trainer, data).val_logits, expected)
    assert trainer.traces == traces == 2


def test_validation_logits_that_are_no_numbers_fail_the_trial(data):
    class Blind(Trainer):
        def logits(self, phase, index):
            return np.full((len(index), 5), np.nan, "float32")

    with pytest.raises(TrialFailed, match="validation logits are not finite in epoch 1"):
        run(build(data, kind=Blind, phases=[HEAD]), data)


# Trials whose scores on validation are those of a script


@dataclass(frozen=True)
class Scripted(Strategy):
    """Changes logits (n, K) of validation to others, epoch by epoch; notes when it is asked what."""

    logits: Iterator[np.ndarray]
    pools: list[float] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)

    def adjust_logits(self, logits, class_counts):
        return next(self.logits)

    def resample(self, labels, seed, progress):
        self.pools.append(progress)
        return super().resample(labels, seed, progress)

    def loss_terms(self, class_counts, progress):
        self.terms.append(progress)
        return super().loss_terms(class_counts, progress)


def scripted(data, *epochs):
    """One epoch after the other, this share of each class is predicted right; the last for all that follow.

    A pair has the size of the logits too: where all are right, the loss is the higher the smaller they are.
    """

    def logits(share, size=1.0):
        labels = data.labels[data.val]
        place = np.array([np.sum(labels[:i] == label) for i, label in enumerate(labels)])
        right = place < share * np.bincount(labels)[labels]
        return size * np.eye(5, dtype="float32")[np.where(right, labels, (labels + 1) % 5)]

    script = [logits(*epoch) if isinstance(epoch, tuple) else logits(epoch) for epoch in epochs]
    return Scripted(itertools.chain(script, itertools.repeat(script[-1])))


def test_early_stopping_ends_a_phase_and_not_the_training(data, trainer_of):
    trainer = trainer_of(phases=[{**HEAD, "epochs": 9}, {**HEAD, "epochs": 4}], early_stopping=2)
    outcome = run(trainer, data, scripted(data, 0.1, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
    f1 = [row["val/macro_f1"] for row in outcome.history]
    assert f1[0] < f1[2] < f1[1] == f1[3] < f1[4] < f1[5] < f1[6] < f1[7]
    assert [row["phase"] for row in outcome.history] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert outcome.best_epoch == 8
    assert outcome.steps == 8 * 5


def test_a_plateau_lowers_the_learning_rate_in_this_trial_only(data, trainer_of):
    trainer = trainer_of(
        phases=[{**HEAD, "epochs": 5}], plateau={"factor": 0.5, "patience": 2}, learning_rate=1e-2
    )
    for _ in range(2):
        rates = [row["learning_rate"] for row in run(trainer, data, scripted(data, 0.2)).history]
        assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 5e-3, 5e-3])


def test_a_plateau_may_watch_another_score_than_the_recipe(data, trainer_of):
    trainer = trainer_of(
        phases=[{**HEAD, "epochs": 4}], plateau={"patience": 1, "monitor": "loss"}, learning_rate=1e-2
    )
    history = run(trainer, data, scripted(data, (1.0, 4.0), (1.0, 3.0), (1.0, 2.0), (1.0, 1.0))).history
    losses = [row["val/loss"] for row in history]
    assert losses == sorted(losses)
    assert {row["val/macro_f1"] for row in history} == {1.0}
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-2, 1e-2, 5e-3, 2.5e-3])


def test_progress_runs_from_0_towards_1_over_all_phases(data, trainer):
    strategy = scripted(data, 0.5)
    run(trainer, data, strategy)
    of_epochs = strategy.terms[-5:]  # before them the trainer asks which step it takes
    assert of_epochs == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert strategy.pools[0] == 0
    assert sorted(strategy.pools) == strategy.pools
    assert 0.7 < strategy.pools[-1] < 1
    assert min(p for p in strategy.pools if p >= 0.6) == pytest.approx(0.6), "the second phase begins there"


def test_a_phase_that_stopped_early_counts_as_done(data, trainer_of):
    trainer = trainer_of(phases=[{**HEAD, "epochs": 9}, {**HEAD, "epochs": 4}], early_stopping=2)
    strategy = scripted(data, 0.2, 0.1, 0.1, 0.3, 0.4, 0.5, 0.6)
    outcome = run(trainer, data, strategy)
    assert [row["phase"] for row in outcome.history] == [0, 0, 0, 1, 1, 1, 1]
    assert strategy.terms[-7:] == pytest.approx([*np.array([0, 1, 2, 9, 10, 11, 12]) / 13])
    assert min(p for p in strategy.pools if p >= 9 / 13 - 1e-9) == pytest.approx(9 / 13), "for sampling too"
