"""Saving a training after its epochs, and letting it go on from there."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import keras
import numpy as np

from fer_bench.training.callbacks import TrialCallback
from fer_bench.training.checkpoint import Checkpoint, Saved
from fer_bench.training.trainer import Trainer

COUNTERS = ("wait", "best", "best_epoch", "cooldown_counter", "stopped_epoch")  # of Keras' own callbacks


class CheckpointCallback(keras.callbacks.Callback):
    """Saves a training after its epochs, and lets it go on from the checkpoint that it finds.

    One for all phases of a trial, and the last of a phase's callbacks: what the others do after an epoch is
    saved, and what they forget when a phase begins is put back. Without a checkpoint it does nothing.
    """

    def __init__(self, checkpoint: Checkpoint | None, trainer: Trainer, trial: TrialCallback) -> None:
        super().__init__()
        self._checkpoint, self._trainer, self._trial = checkpoint, trainer, trial
        self._found = checkpoint.read() if checkpoint else None
        self._phase, self._others = 0, list[keras.callbacks.Callback]()
        self._since = time.monotonic()
        self._refused = False

    def begin_phase(self, phase: int, others: Sequence[keras.callbacks.Callback]) -> int | None:
        """Enter a phase with these callbacks before it; its first epoch, or None where it was finished."""
        self._phase, self._others = phase, list(others)
        found = self._found
        if found is None:
            return 0
        if phase < found.phase:
            return None
        if not found.phase_ended:
            return found.epochs
        self._go_on(found)
        self._trial.restore_best()
        return None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Put back what the checkpoint holds."""
        if self._found is None:
            return
        assert self.model is not None
        _assign(self.model.optimizer.variables, self._found.optimizer)
        for callback, counters in zip(self._others, self._found.counters, strict=True):
            for name, value in counters.items():
                setattr(callback, name, value)
        self._go_on(self._found)

    def _go_on(self, found: Saved) -> None:
        _assign(self._trainer.variables(found.phase), found.variables)
        self._trial.go_on(found.trial)
        self._found = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the training if it is time; a disk that won't take it costs the checkpoint only."""
        if self._checkpoint is None or time.monotonic() - self._since < self._checkpoint.seconds:
            return
        try:
            self._checkpoint.write(self._saved(epoch + 1))
        except OSError as error:
            if not self._refused:
                sys.stderr.write(f"{self._checkpoint.path}: no checkpoint could be written: {error}\n")
            self._refused = True
        self._since = time.monotonic()

    def _saved(self, epochs: int) -> Saved:
        assert self.model is not None
        assert self.params is not None
        counters = [
            {name: getattr(callback, name) for name in COUNTERS if hasattr(callback, name)}
            for callback in self._others
        ]
        return Saved(
            phase=self._phase,
            epochs=epochs,
            phase_ended=bool(self.model.stop_training) or epochs == self.params["epochs"],
            counters=counters,
            trial=self._trial.state(),
            variables=_values(self._trainer.variables(self._phase)),
            optimizer=_values(self.model.optimizer.variables),
        )


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.asarray(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
