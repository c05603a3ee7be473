"""Prediction of pictures in files, beside what Keras does with the same pictures in memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sized
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fer_bench.speed.side_by_side import Contest, Figure, compared, contest
from fer_bench.speed.workloads import draw_faces, write_tree

if TYPE_CHECKING:
    from fer_bench.inference.keras_file import KerasFile

PICTURES = 7_178  # test images of FER-2013
LEAST = 0.8  # of the rate in memory


def measure() -> list[Figure]:
    """Pictures/s of `predict` from files, reading and decoding included, and of Keras from an array."""
    return [compare("mobilenet_v2", 96, PICTURES, rounds=5)]


def compare(backbone: str, size: int, pictures: int, rounds: int, contest: Contest = contest) -> Figure:
    """Rate of prediction from files over that from an array, of a backbone at a size in pixels."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder) / "faces", pictures)
        makers = {maker.__name__: partial(maker, Path(folder), backbone, size) for maker in (files, memory)}
        rates = contest(makers, rounds)
    what = f"predict files, {backbone}, {size} px, pictures/s"
    return compared(what, "/s", rates["files"], "model.predict in memory", rates["memory"], LEAST)


def files(folder: Path, backbone: str, size: int) -> Callable[[], float]:
    """A round reads and predicts all files."""
    from fer_bench.inference.pictures import list_pictures
    from fer_bench.inference.predict import predict

    model, pictures = _model(folder, backbone, size), list_pictures([str(folder / "faces")])
    return partial(_rate, lambda: list(predict(model, pictures)), len(pictures))


def memory(folder: Path, backbone: str, size: int) -> Callable[[], float]:
    """A round predicts an array of as many pictures."""
    pictures = sum(1 for _ in (folder / "faces").rglob("*.jpg"))
    model, pixels = _model(folder, backbone, size).model, draw_faces(pictures)[0]
    return partial(_rate, lambda: model.predict(pixels, verbose=0), pictures)


def _rate(predict_all: Callable[[], Sized], pictures: int) -> float:
    begun = time.perf_counter()
    predictions = predict_all()
    seconds = time.perf_counter() - begun
    assert len(predictions) == pictures
    return pictures / seconds


def _model(folder: Path, backbone: str, size: int) -> KerasFile:
    """A net with random weights, as `export` would have written it."""
    import numpy as np

    from fer_bench.backbones.base import BACKBONES
    from fer_bench.datasets.synthetic import CLASSES
    from fer_bench.inference.keras_file import KerasFile
    from fer_bench.inference.model_writer import write
    from fer_bench.inference.self_contained import plain, self_contained
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net

    recipe = Recipe(image_size=size, weights="none")
    net = plain(Net(BACKBONES[backbone](), recipe, 1, len(CLASSES), None).whole)
    model = self_contained(net, (48, 48, 1), CLASSES, np.ones(len(CLASSES)), np.zeros(len(CLASSES)))
    with tempfile.TemporaryDirectory(dir=folder) as own:
        written = write(model, Path(own) / "model.keras", Path(own))
    assert isinstance(written, KerasFile)
    return written
