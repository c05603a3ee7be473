"""What happens around each epoch: the loss is set, validation scored, the best state kept."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable

import keras
import numpy as np

from fer_bench.data.trial_data import TrialData
from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.training.outcome import Outcome, Row, TrialFailed, TrialState
from fer_bench.training.trainer import Trainer

ROUNDING = 1e-6  # of a share of epochs


def recipe_callbacks(recipe: Recipe) -> list[keras.callbacks.Callback]:
    """Keras' own callbacks that the recipe asks for: ReduceLROnPlateau and EarlyStopping."""

    def on(score: str) -> dict[str, str]:
        return {"monitor": f"val_{score}", "mode": "min" if score == "loss" else "max"}

    callbacks: list[keras.callbacks.Callback] = []
    if plateau := recipe.plateau:
        monitored = on(plateau.monitor or recipe.monitor)
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(**monitored, factor=plateau.factor, patience=plateau.patience)
        )
    if recipe.early_stopping:
        callbacks.append(keras.callbacks.EarlyStopping(**on(recipe.monitor), patience=recipe.early_stopping))
    return callbacks


class TrialCallback(keras.callbacks.Callback):
    """Sets the loss before each epoch, scores validation after it, keeps the state of the best epoch.

    One for all phases of a trial. The time from its creation to the first step, and that between phases,
    is reported as setup; of it the time in which images are made counts as training.
    """

    def __init__(
        self, trainer: Trainer, strategy: Strategy, data: TrialData, on_epoch: Callable[[Row], None]
    ) -> None:
        super().__init__()
        self._trainer, self._strategy, self._data, self._on_epoch = trainer, strategy, data, on_epoch
        self._history: list[Row] = []
        self._best_score, self._best_epoch, self._best_phase = -math.inf, 0, 0
        self._best_logits = np.zeros((0, len(data.classes)), "float32")
        self._best_state: list[np.ndarray] = []
        self._phase = self._epochs_before_phase = 0
        self._setup_seconds, self._setup_began = 0.0, time.perf_counter()
        self._made_seconds = 0.0

    @property
    def progress(self) -> float:
        """Share of all epochs done; a phase that stopped early counts as done."""
        recipe = self._trainer.recipe
        in_phase = len(self._history) - self._epochs_before_phase
        phases = recipe.trained_together(self._phase)
        before = recipe.epochs_of(range(phases.start, self._phase))
        return (before + in_phase) / recipe.epochs_of(phases)

    def begin_phase(self, phase: int) -> None:
        """Enter a phase."""
        self._phase, self._epochs_before_phase = phase, len(self._history)

    def on_train_begin(self, logs: Row | None = None) -> None:
        """Stop the clock of the setup, and take off what it took to make images."""
        made = self._trainer.made.seconds
        self._setup_seconds += time.perf_counter() - self._setup_began - (made - self._made_seconds)
        self._made_seconds = made

    def on_train_end(self, logs: Row | None = None) -> None:
        """Start the clock of the setup of the next phase."""
        self._setup_began = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        """Set the terms of the loss for this epoch."""
        # Asking for the model makes Keras' JAX trainer write its state back, so that what is set here counts.
        assert self.model is not None
        self._trainer.set_loss(self.progress)
        self._learning_rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._epoch_began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        """Score validation, add the scores to `logs` for Keras' callbacks, keep the state if it is the best.

        Raises TrialFailed where the loss or the logits are not finite.
        """
        logs = logs if logs is not None else {}
        seconds = time.perf_counter() - self._epoch_began
        if not math.isfinite(logs["loss"]):
            raise TrialFailed(f"the loss became {logs['loss']} in epoch {len(self._history) + 1}")
        with self._trainer.averaged(self._phase):
            logits, validation = self._score_validation()
            logs |= {f"val_{name}": validation[name] for name in ("macro_f1", "accuracy", "loss")}
            self._keep_if_best(validation, logits)
        row = {
            "train/objective": float(logs["loss"]),
            "train/loss": float(logs["cross_entropy"]),
            "train/accuracy": float(logs["accuracy"]),
            "val/loss": validation["loss"],
            "val/accuracy": validation["accuracy"],
            "val/macro_f1": validation["macro_f1"],
            "learning_rate": self._learning_rate,
            "seconds": seconds,
            "time": time.time(),
            "phase": float(self._phase),
        }
        self._history.append(row)
        self._on_epoch(row)

    def _score_validation(self) -> tuple[np.ndarray, dict[str, float]]:
        """Raw logits (n, K) of validation, and scores by name of the logits that the strategy adjusts."""
        data = self._data
        logits = self._trainer.logits(self._phase, data.val)
        if not np.isfinite(logits).all():
            raise TrialFailed(f"validation logits are not finite in epoch {len(self._history) + 1}")
        adjusted = self._strategy.adjust_logits(logits, data.class_counts)
        return logits, scores(data.labels[data.val], adjusted, data.classes)

    def _keep_if_best(self, validation: dict[str, float], logits: np.ndarray) -> None:
        recipe = self._trainer.recipe
        score = -validation["loss"] if recipe.monitor == "loss" else validation[recipe.monitor]
        if self.progress < self._strategy.selectable_from - ROUNDING:
            score = -math.inf  # kept only until a later epoch comes
        if score > self._best_score or recipe.keep == "last" or self._best_score == -math.inf:
            self._best_score, self._best_logits = score, logits
            self._best_epoch, self._best_phase = len(self._history) + 1, self._phase
            self._best_state = self._trainer.state()

    def restore_best(self) -> None:
        """Set the net back to the best epoch so far, from which the next phase goes on."""
        self._trainer.restore(self._best_state)

    def state(self) -> TrialState:
        """What is known after an epoch; its arrays and rows are not copied."""
        return TrialState(
            history=self._history,
            epochs_before_phase=self._epochs_before_phase,
            best_score=self._best_score,
            best_epoch=self._best_epoch,
            best_phase=self._best_phase,
            best_logits=self._best_logits,
            best_state=self._best_state,
            setup_seconds=self._setup_seconds,
        )

    def go_on(self, state: TrialState) -> None:
        """Go on from a state of the same trial, in the phase entered; its epochs are reported again.

        The setup's seconds are added to those of before.
        """
        self._history, self._epochs_before_phase = list(state.history), state.epochs_before_phase
        self._best_score, self._best_epoch = state.best_score, state.best_epoch
        self._best_phase, self._best_logits = state.best_phase, state.best_logits
        self._best_state = state.best_state
        self._setup_seconds += state.setup_seconds
        for row in self._history:
            self._on_epoch(row)

    def outcome(self, test: bool) -> Outcome:
        """Logits of the best epoch, with `test` also of the test images, and the costs of the training."""
        trainer, data, best = self._trainer, self._data, self._best_phase
        began = time.perf_counter()
        if trainer.finish_head() or trainer.recipe.test_views:
            self._best_logits = trainer.final_logits(best, data.val)
        test_logits = trainer.final_logits(best, data.test) if test else None
        views_seconds = time.perf_counter() - began if trainer.recipe.test_views else 0.0
        batch = self._trainer.recipe.batch_size
        steps = len(self._data.train) // batch
        seconds = [row["seconds"] for row in self._history]
        return Outcome(
            val_logits=self._best_logits,
            test_logits=test_logits,
            history=self._history,
            best_epoch=self._best_epoch,
            steps=steps * len(self._history),
            train_seconds=sum(seconds) + self._made_seconds,
            setup_seconds=self._setup_seconds,
            views_seconds=views_seconds,
            images_per_second=steps * batch / float(np.median(seconds)),
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            made_images=self._trainer.made.sheet(self._data) if test else None,
        )
