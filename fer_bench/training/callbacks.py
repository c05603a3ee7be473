"""What happens around each epoch: the loss set, validation scored, the best state kept."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fer_bench.data.trial_data import TrialData
from fer_bench.evaluation.metrics import scores
from fer_bench.strategies.base import Strategy, normalised_weights
from fer_bench.study.recipe import Recipe, Settings
from fer_bench.training.outcome import Outcome, Row, TrialFailed
from fer_bench.training.trainer import Trainer


def _patience(recipe: Recipe) -> list[Any]:
    """Keras' own callbacks on what the recipe monitors, as far as it has them."""

    def on(score: str) -> dict[str, str]:
        return {"monitor": f"val_{score}", "mode": "min" if score == "loss" else "max"}

    made, plateau = keras.callbacks, recipe.plateau
    callbacks: list[Any] = []
    if plateau:
        watched = on(plateau.monitor or recipe.monitor)
        callbacks.append(made.ReduceLROnPlateau(**watched, factor=plateau.factor, patience=plateau.patience))
    if recipe.early_stopping:
        callbacks.append(made.EarlyStopping(**on(recipe.monitor), patience=recipe.early_stopping))
    return callbacks


class TrialCallback(keras.callbacks.Callback):
    """Sets the loss before each epoch, scores validation after it, keeps the best state or the last."""

    def __init__(
        self,
        trainer: Trainer,
        strategy: Strategy,
        settings: Settings,
        data: TrialData,
        on_epoch: Callable[[Row], None],
    ) -> None:
        super().__init__()
        self.trainer, self.strategy, self.settings, self.data = trainer, strategy, settings, data
        self.on_epoch = on_epoch
        self.counts = np.bincount(data.labels[data.train], minlength=len(data.classes))
        self.history: list[Row] = []
        self.best_score, self.best_epoch, self.best_phase = -math.inf, 0, 0
        self.best_logits = np.zeros((0, len(data.classes)), "float32")
        self.best_state: list[np.ndarray] = []
        self.phase, self.setup, self.first_epoch = 0, 0.0, 0
        self.shares = self.counts / self.counts.sum()  # of the classes in a phase's stream

    @property
    def progress(self) -> float:
        """Share of all epochs done; a phase that stopped early counts as done."""
        recipe = self.trainer.recipe
        within = len(self.history) - self.first_epoch
        return (sum(p.epochs for p in recipe.phases[: self.phase]) + within) / recipe.epochs

    def begin(self, phase: int) -> None:
        """Enter a phase."""
        self.phase, self.first_epoch = phase, len(self.history)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the terms of the loss for this epoch."""
        # Asking for the model makes Keras' JAX trainer write its state back, so that what is set here counts.
        assert self.model is not None
        terms = self.strategy.loss_terms(self.counts, self.progress)
        smoothing = self.settings.label_smoothing if terms.smoothing is None else terms.smoothing
        self.trainer.terms.set(
            **{**vars(terms), "smoothing": smoothing, "weights": normalised_weights(terms, self.shares)}
        )
        self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score validation; keep logits and state if they are the best yet."""
        logs = logs if logs is not None else {}
        ended = time.perf_counter()
        if not math.isfinite(logs["loss"]):
            raise TrialFailed(f"the loss became {logs['loss']} in epoch {len(self.history) + 1}")
        logits = self.trainer.logits(self.phase, self.data.val)
        if not np.isfinite(logits).all():
            raise TrialFailed(f"validation logits are not finite in epoch {len(self.history) + 1}")
        found = scores(
            self.data.labels[self.data.val],
            self.strategy.adjust_logits(logits, self.counts),
            self.data.classes,
        )
        logs |= {f"val_{name}": found[name] for name in ("macro_f1", "accuracy", "loss")}
        recipe = self.trainer.recipe
        score = -found["loss"] if recipe.monitor == "loss" else found[recipe.monitor]
        if score > self.best_score or recipe.keep == "last":
            self._keep(score, logits)
        row = {
            "train/objective": float(logs["loss"]),
            "train/loss": float(logs["cross_entropy"]),
            "train/accuracy": float(logs["accuracy"]),
            "val/loss": found["loss"],
            "val/accuracy": found["accuracy"],
            "val/macro_f1": found["macro_f1"],
            "learning_rate": self.rate,
            "seconds": ended - self.begun,
            "phase": float(self.phase),
        }
        self.history.append(row)
        self.on_epoch(row)

    def _keep(self, score: float, logits: np.ndarray) -> None:
        self.best_score, self.best_logits = score, logits
        self.best_epoch, self.best_phase = len(self.history) + 1, self.phase
        self.best_state = [np.array(keras.ops.convert_to_numpy(v.value)) for v in self.trainer.changing]

    def restore_best(self) -> None:
        """Set the net back to the best epoch so far, which the next phase goes on from."""
        for variable, value in zip(self.trainer.changing, self.best_state, strict=True):
            variable.assign(value)

    def outcome(self) -> Outcome:
        """Logits of the best epoch and the figures of the whole training."""
        batch = self.trainer.recipe.batch_size
        per_epoch = len(self.data.train) // batch
        seconds = [row["seconds"] for row in self.history]
        return Outcome(
            val_logits=self.best_logits,
            test_logits=None,
            history=self.history,
            best_epoch=self.best_epoch,
            steps=per_epoch * len(self.history),
            train_seconds=sum(seconds),
            setup_seconds=self.setup,
            images_per_second=per_epoch * batch / float(np.median(seconds)),
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        )
