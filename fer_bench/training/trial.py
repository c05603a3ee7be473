"""One training, as a straight line: resample, reset, set the loss, fit phase by phase, read the logits."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from fer_bench.data.trial_data import TrialData
from fer_bench.hashing import derive_seed
from fer_bench.strategies.base import Strategy
from fer_bench.study.recipe import Settings
from fer_bench.training.callbacks import TrialCallback, _patience
from fer_bench.training.outcome import Outcome, Row
from fer_bench.training.sampling import index_stream
from fer_bench.training.trainer import Trainer

PROBE = 128  # training images that a random trunk's statistics are taken from


def run_trial(
    trainer: Trainer,
    strategy: Strategy,
    settings: Settings,
    seed: int,
    data: TrialData,
    *,
    test: bool = False,
    on_epoch: Callable[[Row], None] = lambda row: None,
) -> Outcome:
    """Train once from scratch and give the logits of the epoch that the recipe keeps.

    The same arguments give the same numbers, in a fresh process or a warm one (on a CPU, to the last bit).
    Raises TrialFailed where the loss is no longer a number.
    """
    recipe, train = trainer.recipe, data.train
    begun = time.perf_counter()
    _set_up(trainer, strategy, settings, seed, data)
    watch = TrialCallback(trainer, strategy, settings, data, on_epoch)
    watch.setup = time.perf_counter() - begun
    for phase, stretch in enumerate(recipe.phases):
        watch.begin(phase)
        share = stretch.epochs / recipe.epochs
        begun = time.perf_counter()
        resample = partial(strategy.resample_features, seed=derive_seed(seed, "features", phase))
        rows, labels = trainer.extend(phase, train, data.labels, resample)
        stream = rows[index_stream(
            strategy, labels[rows], len(train), recipe.batch_size, stretch.epochs, watch.progress, share,
            derive_seed(seed, "stream", phase),
        )]  # fmt: skip
        drawn = np.bincount(labels[stream].ravel(), minlength=len(data.classes))
        watch.shares = drawn / drawn.sum()
        trainer.hold(phase, np.concatenate([np.unique(stream), data.val]))
        watch.setup += time.perf_counter() - begun
        trainer.fit(phase, stream, labels, [watch, *_patience(recipe)])
        watch.restore_best()
    outcome = watch.outcome()
    if test:
        outcome.test_logits = trainer.logits(watch.best_phase, data.test)
    return outcome


def _set_up(trainer: Trainer, strategy: Strategy, settings: Settings, seed: int, data: TrialData) -> None:
    """Set the trainer back to the begin of a trial, prepared for what its strategy will ask for."""
    train = data.train
    probe = train[np.linspace(0, len(train) - 1, min(PROBE, len(train))).astype(int)]
    counts = np.bincount(data.labels[train], minlength=len(data.classes))
    trainer.make_room(int(np.sum(strategy.feature_counts(counts) - counts)))
    trainer.reset(seed, settings, probe)
    if not trainer.prepared:
        trainer.prepare(probe, data.labels)
        trainer.reset(seed, settings, probe)
    trainer.strengthen(strategy.augment_strength(counts)[data.labels])
