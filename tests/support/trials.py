"""Small trainings: recipes, images, a trainer, and the numbers of a trial by which two are compared."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from faces import draw_faces

from fer_bench.backbones.base import BACKBONES
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import Split
from fer_bench.data.trial_data import TrialData
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.recipe import Recipe, Settings, settings
from fer_bench.training.checkpoint import Checkpoint
from fer_bench.training.outcome import Outcome, Row
from fer_bench.training.trainer import Trainer
from fer_bench.training.trial import run_trial

BATCH = 32
HEAD = {"trainable": "head", "epochs": 3}
ALL = {"trainable": "all", "epochs": 2}
AUGMENTATION = {"rotation": 10, "shift": 0.1}
BASE = {
    "image_size": 24,
    "batch_size": BATCH,
    "weights": "none",
    "learning_rate": 3e-3,
    "augmentation": None,
    "phases": [HEAD, ALL],
}
RECIPES = {
    "cached": {"head": {"dropout": 0.2}},
    "augmented": {
        "phases": [HEAD, {"trainable": {"last": 4}, "epochs": 2}],
        "augmentation": AUGMENTATION,
        "head": {"dense": [8], "dropout": 0.3},
    },
}
ACTING = {
    "cached": "smote",
    "augmented": "targeted_augmentation",
}  # with the other recipe it changes nothing


def trial_data(faces: FaceImages | None = None, **options: int) -> TrialData:
    """Drawn faces: 180 to train on, 60 each for validation and test."""
    faces = draw_faces() if faces is None else faces
    train, val = (np.flatnonzero(faces.in_subset(name)) for name in ("train", "val"))
    split = Split("made", train, val[:60], val[60:], np.ones(len(val[60:]), bool), False)
    return TrialData.of(faces, split, **options)


def build(
    data: TrialData,
    weights_file: Path | None = None,
    kind: type[Trainer] = Trainer,
    limits: dict[str, int] | None = None,
    **recipe: object,
) -> Trainer:
    """A trainer of the smallest backbone, for `BASE` with these changes."""
    backbone = BACKBONES["compact_cnn"]()
    return kind(backbone, Recipe(**{**BASE, **recipe}), data.pixels, 5, weights_file, **(limits or {}))


def settings_of(trainer: Trainer, **changes: float) -> Settings:
    """The settings of the trainer's recipe with these changes."""
    return Settings(**{**settings(trainer.recipe).model_dump(), **changes})


def run(
    trainer: Trainer,
    data: TrialData,
    strategy: str | Strategy = "none",
    seed: int = 0,
    test: bool = False,
    on_epoch: Callable[[Row], None] = lambda row: None,
    checkpoint: Checkpoint | None = None,
    **changes: float,
) -> Outcome:
    """`run_trial` with the trainer's settings, changed by `changes`."""
    made = STRATEGIES[strategy]() if isinstance(strategy, str) else strategy
    used = settings_of(trainer, **changes)
    return run_trial(trainer, made, used, seed, data, test=test, on_epoch=on_epoch, checkpoint=checkpoint)


def fingerprint(outcome: Outcome) -> list[object]:
    """What has to be the same in two equal trials, as JSON holds it: logits to the last bit, and curves."""
    digest = hashlib.sha256()
    for logits in (outcome.val_logits, outcome.test_logits):
        digest.update(np.ascontiguousarray(logits).tobytes())
    timeless = [{k: v for k, v in row.items() if k not in ("seconds", "time")} for row in outcome.history]
    return [digest.hexdigest(), outcome.best_epoch, timeless]


def fingerprints(trainer: Trainer, data: TrialData, recipe: str, warm: bool) -> list[list[object]]:
    """Four trials' fingerprints; `warm`: after three others, of other strategies, seeds and settings."""
    if warm:
        run(trainer, data, "class_weights", 1, learning_rate=1e-2, dropout=0.5, label_smoothing=0.1)
        run(trainer, data, ACTING[recipe], 3)
        run(trainer, data, "oversampling", 2, weight_decay=0.1, l2=0.1)
    names = ("focal_loss", "none", ACTING[recipe], "deep_smote")
    return [fingerprint(run(trainer, data, name, 2, test=True)) for name in names]
