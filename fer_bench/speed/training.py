"""Images per second of one training step: as notebooks do it, as fer-bench does it, and bare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.notebook import AUGMENTATION, Stopwatch, compile_model, generator, make_model
from fer_bench.speed.side_by_side import Contest, Contestant, Figure, compared, contest
from fer_bench.speed.workloads import trial_data, write_tree
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.file import read_study, study_files
from fer_bench.study.recipe import Head, Phase, Recipe, settings
from fer_bench.study.resolve import recipe_names, resolve

if TYPE_CHECKING:
    from keras.callbacks import Callback

ROUNDS, ROUNDS_FOR_INFORMATION = 5, 3
CACHED_EPOCHS = 20  # in a round; one alone would last hundredths of a second
ROUND_SECONDS = 4.0  # about as long as a round for information is meant to last


@dataclass(frozen=True)
class Job:
    """What is trained in one round: `images` (a multiple of `batch`), once."""

    backbone: str
    size: int
    batch: int
    trainable: Literal["head", "all"]
    images: int

    def recipe(self, augmented: bool, epochs: int = 1) -> Recipe:
        """The same for fer-bench."""
        return Recipe(
            image_size=self.size,
            batch_size=self.batch,
            weights="none",
            augmentation=AUGMENTATION if augmented else None,
            phases=(Phase(trainable=self.trainable, epochs=epochs),),
            head=Head(dropout=0.5),
        )


WHOLE = Job("mobilenet_v2", 96, 32, "all", 640)
FROZEN = Job("mobilenet_v2", 96, 32, "head", 1280)


def measure() -> list[Figure]:
    """The comparisons in which a ratio is wanted, then every backbone at its study's size."""
    return [
        *compare(WHOLE, ROUNDS, over_notebook=1.05, over_bare=0.9),
        *compare(FROZEN, ROUNDS, over_notebook=1.25, over_bare=0.9, cached=10.0),
        *(figure for job in backbones() for figure in compare(job, ROUNDS_FOR_INFORMATION)),
    ]


def compare(
    job: Job,
    rounds: int,
    over_notebook: float | None = None,
    over_bare: float | None = None,
    cached: float | None = None,
    contest: Contest = contest,
) -> list[Figure]:
    """Rates of fer-bench's step over others'; `over_notebook` and the like are the least ratios wanted."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder), job.images)
        makers: dict[str, Contestant[float]] = {
            "notebook": partial(notebook, job, Path(folder)),
            "ours": partial(ours, job),
            "bare": partial(bare, job, False),
            "bare, our net": partial(bare, job, True),
        }
        if cached:
            makers["cached"] = partial(ours, job, augmented=False)
        rates = contest(makers, rounds)
    trained = "whole trunk" if job.trainable == "all" else "trunk frozen"
    what = f"{job.backbone} {job.size} px, batch {job.batch}, {trained}"
    versus = partial(compared, what, "images/s", rates["ours"])
    figures = [
        versus("ImageDataGenerator", rates["notebook"], over_notebook),
        versus("bare fit", rates["bare"], over_bare),
        versus("bare fit of our net", rates["bare, our net"], over_bare),
    ]
    if cached:
        name = f"{what}, cached features"
        figures.append(
            compared(name, "images/s", rates["cached"], "ImageDataGenerator", rates["notebook"], cached)
        )
    return figures


def backbones() -> list[Job]:
    """Every backbone with the sizes of a study that has it, else of a plain recipe; whole trunk."""
    recipes: dict[str, Recipe] = {}
    for path in study_files().values():
        content = read_study(str(path))[1]
        spec = resolve(content, recipe_name=recipe_names(content)[-1])
        recipes = {name: spec.recipe for name in spec.backbones} | recipes
    jobs = []
    for name in BACKBONES:
        recipe = recipes.get(name, Recipe())
        seconds_per_image = BACKBONES[name].seconds_per_megapixel * recipe.image_size**2 / 1e6
        steps = max(2, round(ROUND_SECONDS / seconds_per_image / recipe.batch_size))
        jobs.append(Job(name, recipe.image_size, recipe.batch_size, "all", steps * recipe.batch_size))
    return [job for job in jobs if job.backbone != WHOLE.backbone]


def notebook(job: Job, folder: Path) -> Callable[[], float]:
    """ImageDataGenerator and `fit`, one epoch over the JPEG tree; images per second."""
    model, trunk = make_model(job.backbone, job.size)
    trunk.trainable = job.trainable == "all"
    compile_model(model)
    return _rounds(
        job, lambda watch: model.fit(generator(folder, job.size, job.batch), verbose=0, callbacks=[watch])
    )


def bare(job: Job, fused: bool) -> Callable[[], float]:
    """`fit` on random float32 tensors in memory, of a model as notebooks make it or of our own net."""
    import keras

    from fer_bench.training.net import Net

    if fused:
        net = Net(BACKBONES[job.backbone](), job.recipe(True), 3, len(CLASSES), None)
        net.set_trainable(job.recipe(True).phases[0])
        model = net.whole
    else:
        model, trunk = make_model(job.backbone, job.size)
        trunk.trainable = job.trainable == "all"
    compile_model(model, keras.losses.SparseCategoricalCrossentropy(from_logits=fused))
    rng = np.random.default_rng(0)
    arguments = _in_memory(
        rng.random((job.images, job.size, job.size, 3), dtype="float32"),
        rng.integers(0, len(CLASSES), job.images, dtype="int32"),
        job.batch,
    )
    return _rounds(job, lambda watch: model.fit(**arguments, shuffle=False, verbose=0, callbacks=[watch]))


def _in_memory(images: np.ndarray, labels: np.ndarray, batch: int) -> dict[str, Any]:
    """Arguments of `fit` that cost it least: on TensorFlow, batches cut beforehand and nothing to tune."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return {"x": images, "y": labels, "batch_size": batch}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    batches = images.reshape(-1, batch, *images.shape[1:]), labels.reshape(-1, batch)
    return {"x": tf.data.Dataset.from_tensor_slices(batches).with_options(options)}


def ours(job: Job, augmented: bool = True) -> Callable[[], float]:
    """fer-bench's step on 48-pixel images; without augmentation a frozen trunk's features are cached."""
    from fer_bench.training.trainer import Trainer

    epochs = CACHED_EPOCHS if job.recipe(augmented).frozen(0) else 1
    data, recipe = trial_data(job.images, job.batch), job.recipe(augmented, epochs)
    trainer = Trainer(BACKBONES[job.backbone](), recipe, data.pixels, len(CLASSES), None)
    trainer.begin_trial(STRATEGIES["none"](), settings(recipe), 0, data)
    return _rounds(job, lambda watch: trainer.train_phase(0, callbacks=[watch]), epochs)


def _rounds(job: Job, train: Callable[[Callback], object], epochs: int = 1) -> Callable[[], float]:
    """A round trains once, with a stopwatch among the callbacks; images per second."""

    def play() -> float:
        watch = Stopwatch()
        train(watch.callback())
        return job.images * epochs / watch.seconds

    return play
