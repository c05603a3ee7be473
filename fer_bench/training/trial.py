"""One training from scratch, as a straight line: begin the trial, train phase by phase, read the logits."""

from __future__ import annotations

from collections.abc import Callable

from fer_bench.data.trial_data import TrialData
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Settings
from fer_bench.training.callbacks import TrialCallback, recipe_callbacks
from fer_bench.training.checkpoint import Checkpoint
from fer_bench.training.outcome import Outcome, Row, Stage
from fer_bench.training.resuming import CheckpointCallback
from fer_bench.training.trainer import Trainer


def run_trial(
    trainer: Trainer,
    strategy: Strategy,
    settings: Settings,
    seed: int,
    data: TrialData,
    *,
    stage: Stage | None = None,
    test: bool = False,
    on_epoch: Callable[[Row], None] = lambda row: None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Train once from scratch; returns the logits of the epoch that the recipe keeps.

    Of a recipe with shared phases it trains these, and with their `stage` the others, which go on from it.
    `data` holds the pixels that the trainer was made with. The same arguments give the same numbers, in a
    fresh process or a warm one (on a CPU, to the last bit). `on_epoch` is called with each epoch's figures.
    With `test` the outcome has logits of the test images too. With a `checkpoint` the training is saved in it
    as it goes, and goes on from there if it was ended before; `on_epoch` is then called with the epochs of
    before as well. Raises TrialFailed where the loss is no longer a number.
    """
    callback = TrialCallback(trainer, strategy, data, on_epoch)
    trainer.begin_trial(strategy, settings, seed, data, stage)
    saving = CheckpointCallback(checkpoint, trainer, callback)
    for phase in trainer.phases:
        callback.begin_phase(phase)
        callbacks = [callback, *recipe_callbacks(trainer.recipe)]
        first_epoch = saving.begin_phase(phase, callbacks)
        if first_epoch is not None:
            trainer.train_phase(phase, callback.progress, [*callbacks, saving], first_epoch)
            callback.restore_best()
    return callback.outcome(test)
