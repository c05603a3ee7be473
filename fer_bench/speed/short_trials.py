"""What a user waits for: a cell of short trials, and how long a later trial takes to start."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.notebook import AUGMENTATION, compile_model, generator, make_model, oversampled
from fer_bench.speed.side_by_side import Contest, Figure, contest
from fer_bench.speed.workloads import trial_data, write_tree
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Head, LastLayers, Phase, Recipe, settings

STARTS = 10
RATES = (1e-3, 1e-5)  # of the two phases


@dataclass(frozen=True)
class Cells:
    """Short trials: one epoch with the trunk frozen, then one with its last layers trained."""

    backbone: str = "mobilenet_v2"
    size: int = 48
    batch: int = 32
    last: int = 30
    images: int = 2000
    validation: int = 480
    strategies: tuple[str, ...] = ("none", "class_weights", "focal_loss", "oversampling")
    seeds: int = 2

    @property
    def trials(self) -> list[tuple[int, str]]:
        """Seed and strategy of each trial."""
        return list(itertools.product(range(self.seeds), self.strategies))

    @property
    def recipe(self) -> Recipe:
        """The same for fer-bench."""
        return Recipe(
            image_size=self.size,
            batch_size=self.batch,
            weights="none",
            augmentation=AUGMENTATION,
            phases=(
                Phase(trainable="head", epochs=1, learning_rate=RATES[0]),
                Phase(trainable=LastLayers(last=self.last), epochs=1, learning_rate=RATES[1]),
            ),
            head=Head(dropout=0.5),
        )


def measure() -> list[Figure]:
    """Wall time against notebooks', starts of later trials against the first's, traces against phases."""
    return compare(Cells(), rounds=3)


def compare(cells: Cells, rounds: int, contest: Contest = contest) -> list[Figure]:
    """The three figures of a cell, of which the first is the median of some rounds."""
    pairs = [_side_by_side(cells, contest) for _ in range(rounds)]
    mine, theirs = (median(seconds) for seconds in zip(*pairs, strict=True))
    begun = contest({"ours": partial(starts, cells)}, STARTS, warm_up=0)["ours"]
    (first, _), later = begun[0], [seconds for seconds, _ in begun[1:]]
    phases, traces = len(cells.recipe.phases), begun[-1][1]
    what = f"{cells.backbone} {cells.size} px"
    count = len(cells.trials)
    return [
        Figure(
            f"{count} trials, {what}, {cells.images:,} images", mine, "s", "notebooks", theirs,
            median(theirs / mine for mine, theirs in pairs), least=3.0,
        ),
        Figure(
            f"start of a later trial, {what}", median(later), "s", "the first's", first,
            median(later) / first, most=0.05,
        ),
        Figure(f"traces in {STARTS} trials, {what}", traces, "", "phases", phases, traces / phases, 1.0, 1.0),
    ]  # fmt: skip


def _side_by_side(cells: Cells, contest: Contest) -> tuple[float, float]:
    """Seconds of all trials in fer-bench and as notebooks, trial by trial in turn, from fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder) / "train", cells.images)
        write_tree(Path(folder) / "val", cells.validation, seed=1)
        makers = {"notebook": partial(notebooks, cells, Path(folder)), "ours": partial(trials, cells)}
        seconds = contest(makers, len(cells.trials), warm_up=0)
    return sum(seconds["ours"]), sum(seconds["notebook"])


def trials(cells: Cells) -> Callable[[], float]:
    """fer-bench's trials, one a round; seconds. The first makes the trainer."""
    from fer_bench.training.trainer import Trainer
    from fer_bench.training.trial import run_trial

    data, recipe = trial_data(cells.images, cells.validation), cells.recipe
    upcoming, trainers = iter(cells.trials), list[Trainer]()

    def play() -> float:
        seed, strategy = next(upcoming)
        begun = time.perf_counter()
        if not trainers:
            trainers.append(Trainer(BACKBONES[cells.backbone](), recipe, data.pixels, len(CLASSES), None))
        run_trial(trainers[0], STRATEGIES[strategy](), settings(recipe), seed, data)
        return time.perf_counter() - begun

    return play


def notebooks(cells: Cells, folder: Path) -> Callable[[], float]:
    """The same trials as notebooks do them, one a round; seconds."""
    import keras

    upcoming, counts = iter(cells.trials), np.bincount(trial_data(cells.images, 1).labels[: cells.images])
    balanced = dict(enumerate(counts.sum() / (len(counts) * counts)))

    def play() -> float:
        seed, strategy = next(upcoming)
        begun = time.perf_counter()
        keras.utils.set_random_seed(seed)
        model, trunk = make_model(cells.backbone, cells.size)
        reader = oversampled if strategy == "oversampling" else generator
        train = reader(folder / "train", cells.size, cells.batch)
        val = generator(folder / "val", cells.size, cells.batch, None)
        focal = strategy == "focal_loss"
        for phase, rate in enumerate(RATES):
            trunk.trainable = phase == 1
            for layer in trunk.layers[: -cells.last]:
                layer.trainable = False
            compile_model(
                model, "categorical_focal_crossentropy" if focal else "categorical_crossentropy", rate
            )
            model.fit(
                train, steps_per_epoch=cells.images // cells.batch, validation_data=val, verbose=0,
                class_weight=balanced if strategy == "class_weights" else None,
            )  # fmt: skip
        return time.perf_counter() - begun

    return play


def starts(cells: Cells) -> Callable[[], tuple[float, int]]:
    """Seconds of a trial's start with the first step of each phase; then a trial, and traces so far."""
    from fer_bench.training.trainer import Trainer
    from fer_bench.training.trial import run_trial

    data, recipe = trial_data(2 * cells.batch, cells.batch), cells.recipe
    one_batch = replace(data, train=data.train[: cells.batch])
    trainer = Trainer(BACKBONES[cells.backbone](), recipe, data.pixels, len(CLASSES), None)
    upcoming = itertools.cycle(cells.strategies)

    def play() -> tuple[float, int]:
        begun = time.perf_counter()
        trainer.begin_trial(STRATEGIES["none"](), settings(recipe), 0, one_batch)
        for phase in range(len(recipe.phases)):
            trainer.train_phase(phase)
        seconds = time.perf_counter() - begun
        run_trial(trainer, STRATEGIES[next(upcoming)](), settings(recipe), 0, data)
        return seconds, trainer.traces

    return play
