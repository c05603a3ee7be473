"""What shared phases save: the same cells with and without them; and stages that are alike whoever trains."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.side_by_side import Contest, Figure, contest
from fer_bench.speed.workloads import trial_data
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.augmentation import Augmentation
from fer_bench.study.recipe import Head, Phase, Recipe, settings

if TYPE_CHECKING:
    from fer_bench.training.outcome import Stage
    from fer_bench.training.trainer import Trainer

LEAST_RATIO = 4.0


@dataclass(frozen=True)
class Repeats:
    """Repeats of cells: the whole net trained on augmented images, then its head on features."""

    backbone: str = "mobilenet_v2"
    size: int = 48
    images: int = 500
    validation: int = 150
    epochs: tuple[int, int] = (4, 4)
    strategies: tuple[str, ...] = (
        *("none", "class_weights", "effective_number", "focal_loss", "class_balanced_focal"),
        *("balanced_softmax", "logit_adjustment", "label_aware_smoothing", "oversampling"),
        *("class_aware_sampling", "power_sampling", "deferred_weights"),
    )
    seeds: int = 3

    @property
    def trainings(self) -> list[tuple[str, int]]:
        """Strategy and seed of each training, as a study does them."""
        return list(itertools.product(self.strategies, range(self.seeds)))

    def recipe(self, shared: bool) -> Recipe:
        """The same phases, the first one shared or not."""
        return Recipe(
            image_size=self.size,
            batch_size=32,
            weights="none",
            augmentation=Augmentation(rotation=10, shift=0.1),
            phases=(
                Phase(trainable="all", epochs=self.epochs[0], shared=shared),
                Phase(trainable="head", epochs=self.epochs[1], augmentation=None),
            ),
            head=Head(dropout=0.2),
        )


def measure() -> list[Figure]:
    """Seconds of all repeats with shared phases and without; stages of two processes to the last bit."""
    return compare(Repeats())


def compare(repeats: Repeats, contest: Contest = contest) -> list[Figure]:
    """Both figures, from trainings in turn, each kind in a process of its own, which builds its net once."""
    makers = {
        "shared": partial(with_stages, repeats),
        "whole": partial(without_stages, repeats),
    }
    seconds = contest(makers, len(repeats.trainings), warm_up=0)
    shared, whole = (sum(seconds[name]) for name in makers)
    orders = {"first": 1, "backwards": -1}
    stages = contest({name: partial(stages_of, repeats, step) for name, step in orders.items()}, 1, warm_up=0)
    first, backwards = (found[0] for found in stages.values())
    same = sum(first[seed] == backwards[seed] for seed in range(repeats.seeds))
    cells = f"{len(repeats.strategies)} strategies x {repeats.seeds} repeats"
    what = f"{cells}, {repeats.backbone} {repeats.size} px, {repeats.images:,} images"
    return [
        Figure(what, shared, "s", "each trained whole", whole, whole / shared, least=LEAST_RATIO),
        Figure(
            "stages alike to the last bit, trained in another order, after other trainings", same, "",
            "stages", repeats.seeds, same / repeats.seeds, 1.0, 1.0,
        ),
    ]  # fmt: skip


def with_stages(repeats: Repeats) -> Callable[[], float]:
    """The repeats with a shared phase, one a round; seconds, the stage's among them where it is the first."""
    from fer_bench.training.trial import run_trial

    play = _Trainings(repeats, shared=True)
    upcoming = iter(repeats.trainings)
    stages: dict[int, Stage] = {}

    def next_round() -> float:
        begun = time.perf_counter()
        strategy, seed = next(upcoming)
        if seed not in stages:
            stages[seed] = play.stage(seed)
        run_trial(
            play.trainer,
            STRATEGIES[strategy](),
            play.settings,
            seed,
            play.data,
            stage=stages[seed],
            test=True,
        )
        return time.perf_counter() - begun

    return next_round


def without_stages(repeats: Repeats) -> Callable[[], float]:
    """The same repeats, each trained whole, one a round; seconds."""
    from fer_bench.training.trial import run_trial

    play = _Trainings(repeats, shared=False)
    upcoming = iter(repeats.trainings)

    def next_round() -> float:
        begun = time.perf_counter()
        strategy, seed = next(upcoming)
        run_trial(play.trainer, STRATEGIES[strategy](), play.settings, seed, play.data, test=True)
        return time.perf_counter() - begun

    return next_round


def stages_of(repeats: Repeats, step: int) -> Callable[[], dict[int, str]]:
    """Digest of each stage, trained in the order of the seeds or, with step -1, against it, after a trial."""
    from fer_bench.training.trial import run_trial

    play = _Trainings(repeats, shared=True)

    def every_stage() -> dict[int, str]:
        digests: dict[int, str] = {}
        for seed in range(repeats.seeds)[::step]:
            stage = play.stage(seed)
            digest = hashlib.sha256()
            for array in stage.state:
                digest.update(array.tobytes())
            digests[seed] = digest.hexdigest()
            if step < 0:  # the others' stage comes from a trainer that has trained something else before
                run_trial(
                    play.trainer, STRATEGIES["oversampling"](), play.settings, 9, play.data, stage=stage
                )
        return digests

    return every_stage


class _Trainings:
    """A trainer, built when it is asked for first, and its images."""

    def __init__(self, repeats: Repeats, shared: bool) -> None:
        self._repeats, self._recipe = repeats, repeats.recipe(shared)
        self.data = trial_data(repeats.images, repeats.validation)
        self.settings = settings(self._recipe)
        self._trainer: Trainer | None = None

    @property
    def trainer(self) -> Trainer:
        if self._trainer is None:
            from fer_bench.training.trainer import Trainer

            backbone = BACKBONES[self._repeats.backbone]()
            self._trainer = Trainer(backbone, self._recipe, self.data.pixels, len(CLASSES), None)
        return self._trainer

    def stage(self, seed: int) -> Stage:
        """Train the stage with a seed, by `none`."""
        from fer_bench.training.outcome import Stage
        from fer_bench.training.stages import whole_state
        from fer_bench.training.trial import run_trial

        run_trial(self.trainer, STRATEGIES["none"](), self.settings, seed, self.data)
        return Stage(str(seed), whole_state(self.trainer.net))
