"""One training, as a straight line: resample, reset, set the loss, fit phase by phase, read the logits."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np

from fer_bench.images import FaceImages, Split
from fer_bench.learner import Learner
from fer_bench.metrics import scores
from fer_bench.recipe import Recipe, Settings
from fer_bench.sources import LARGEST_BANK
from fer_bench.strategies.base import Strategy, normalised_weights
from fer_bench.study import derive_seed

Row = dict[str, float]
PROBE = 128  # training images that a random trunk's statistics are taken from


class TrialFailed(Exception):
    """A trial that can't be scored; says why."""


@dataclass(frozen=True)
class TrialData:
    """The images of a split, side by side: what goes to the device, and where train, val and test are in it.

    pixels (N, H, W, C) uint8, labels (N,) int32, ids (N,) str, groups (N,) int64 (identical images share a
    number); train, val, test are indices into these; dedup (len(test),) bool.
    """

    pixels: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    dedup: np.ndarray
    classes: tuple[str, ...]

    @classmethod
    def of(cls, images: FaceImages, split: Split) -> TrialData:
        """Gather the images that a split uses; too many for the device, they stay where they are."""
        used = np.unique(np.concatenate([split.train, split.val, split.test]))
        large = len(used) * images.pixels[0].size > LARGEST_BANK
        if large:
            used = np.arange(len(images))
        place = {name: np.searchsorted(used, getattr(split, name)) for name in ("train", "val", "test")}
        return cls(
            pixels=images.pixels if large else np.ascontiguousarray(images.pixels[used]),
            labels=np.asarray(images.labels[used]),
            ids=np.asarray(images.ids[used]),
            groups=images.twins()[used],
            dedup=split.dedup,
            classes=images.classes,
            **place,
        )


@dataclass
class Outcome:
    """What a training gave: raw logits (before `adjust_logits`) of the best epoch, and how it went."""

    val_logits: np.ndarray
    test_logits: np.ndarray | None
    history: list[Row] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1, as the curves are
    steps: int = 0
    train_seconds: float = 0.0  # of the steps alone
    setup_seconds: float = 0.0  # tracing, a frozen trunk's features, rows made of them
    images_per_second: float = 0.0
    peak_memory_mib: float = 0.0


def index_stream(
    strategy: Strategy,
    labels: np.ndarray,
    images: int,
    batch: int,
    epochs: int,
    done: float,
    share: float,
    seed: int,
) -> np.ndarray:
    """Draws of one phase, (epochs, steps * batch) int64: an endless shuffled run through the pool.

    `labels` are those of the training images and of what is made of them. `steps` is floor(images / batch)
    for every strategy, whatever the size of its pool. The phase goes from progress `done` to
    `done + share`; the pool is made anew each time it has been run through.
    """
    length = images // batch * batch
    if not length:
        raise TrialFailed(f"{images} training images are fewer than a batch of {batch}")

    def shuffled() -> Iterator[np.ndarray]:
        drawn = passes = 0
        while True:
            progress = min(done + share * drawn / (length * epochs), 1.0)
            pool = strategy.resample(labels, derive_seed(seed, "pool", passes), progress)
            yield np.random.default_rng(derive_seed(seed, "order", passes)).permutation(pool)
            drawn, passes = drawn + len(pool), passes + 1

    parts, total = [], 0
    for pool in shuffled():
        parts.append(pool)
        total += len(pool)
        if total >= length * epochs:
            return np.concatenate(parts)[: length * epochs].reshape(epochs, length)
    raise AssertionError("endless")


def run_trial(
    learner: Learner,
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
    recipe, train = learner.recipe, data.train
    begun = time.perf_counter()
    _set_up(learner, strategy, settings, seed, data)
    watch = Watch(learner, strategy, settings, data, on_epoch)
    watch.setup = time.perf_counter() - begun
    for phase, stretch in enumerate(recipe.phases):
        watch.begin(phase)
        share = stretch.epochs / recipe.epochs
        begun = time.perf_counter()
        resample = partial(strategy.resample_features, seed=derive_seed(seed, "features", phase))
        rows, labels = learner.extend(phase, train, data.labels, resample)
        stream = rows[index_stream(
            strategy, labels[rows], len(train), recipe.batch_size, stretch.epochs, watch.progress, share,
            derive_seed(seed, "stream", phase),
        )]  # fmt: skip
        drawn = np.bincount(labels[stream].ravel(), minlength=len(data.classes))
        watch.shares = drawn / drawn.sum()
        learner.hold(phase, np.concatenate([np.unique(stream), data.val]))
        watch.setup += time.perf_counter() - begun
        learner.fit(phase, stream, labels, [watch, *_patience(recipe)])
        watch.restore_best()
    outcome = watch.outcome()
    if test:
        outcome.test_logits = learner.logits(watch.best_phase, data.test)
    return outcome


def _set_up(learner: Learner, strategy: Strategy, settings: Settings, seed: int, data: TrialData) -> None:
    """Set the learner back to the begin of a trial, prepared for what its strategy will ask for."""
    train = data.train
    probe = train[np.linspace(0, len(train) - 1, min(PROBE, len(train))).astype(int)]
    counts = np.bincount(data.labels[train], minlength=len(data.classes))
    learner.make_room(int(np.sum(strategy.feature_counts(counts) - counts)))
    learner.reset(seed, settings, probe)
    if not learner.prepared:
        learner.prepare(probe, data.labels)
        learner.reset(seed, settings, probe)
    learner.strengthen(strategy.augment_strength(counts)[data.labels])


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


class Watch(keras.callbacks.Callback):
    """Sets the loss before each epoch, scores validation after it, keeps the best state or the last."""

    def __init__(
        self,
        learner: Learner,
        strategy: Strategy,
        settings: Settings,
        data: TrialData,
        on_epoch: Callable[[Row], None],
    ) -> None:
        super().__init__()
        self.learner, self.strategy, self.settings, self.data = learner, strategy, settings, data
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
        recipe = self.learner.recipe
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
        self.learner.terms.set(
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
        logits = self.learner.logits(self.phase, self.data.val)
        if not np.isfinite(logits).all():
            raise TrialFailed(f"validation logits are not finite in epoch {len(self.history) + 1}")
        found = scores(
            self.data.labels[self.data.val],
            self.strategy.adjust_logits(logits, self.counts),
            self.data.classes,
        )
        logs |= {f"val_{name}": found[name] for name in ("macro_f1", "accuracy", "loss")}
        recipe = self.learner.recipe
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
        self.best_state = [np.array(keras.ops.convert_to_numpy(v.value)) for v in self.learner.changing]

    def restore_best(self) -> None:
        """Set the net back to the best epoch so far, which the next phase goes on from."""
        for variable, value in zip(self.learner.changing, self.best_state, strict=True):
            variable.assign(value)

    def outcome(self) -> Outcome:
        """Logits of the best epoch and the figures of the whole training."""
        batch = self.learner.recipe.batch_size
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
