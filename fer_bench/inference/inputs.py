"""Expressions in whatever is given: pictures and videos in turn, and what a camera sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from fer_bench.inference.camera import snapshot
from fer_bench.inference.model_file import ModelFile
from fer_bench.inference.pictures import PictureReader, Unreadable, Which
from fer_bench.inference.predict import Prediction, predict
from fer_bench.inference.video import Sampling, is_video
from fer_bench.inference.video_predictions import BATCH_SIZE, FramePrediction, predict_video


def count_videos(files: Sequence[Path]) -> int:
    """How many of the files are videos."""
    return sum(map(is_video, files))


def predict_inputs(
    model: ModelFile,
    files: Sequence[Path],
    sampling: Sampling,
    detect: bool = True,
    which: Which = "largest",
    align: bool = False,
) -> Iterator[Prediction | FramePrediction | Unreadable]:
    """Predict pictures as `predict` does and videos as `predict_video` does, in the files' order."""
    kinds = {path: is_video(path) for path in files}
    batch_size = BATCH_SIZE if any(kinds.values()) else None  # one for all, so that one function is compiled
    for video, group in groupby(files, kinds.__getitem__):
        if not video:
            yield from predict(model, list(group), detect, which, align, batch_size)
            continue
        reader = PictureReader(model.shape, detect, which, align)
        for path in group:
            yield from predict_video(model, path, reader, sampling)


def predict_camera(
    model: ModelFile, number: int, detect: bool = True, which: Which = "largest", align: bool = False
) -> Iterator[Prediction]:
    """Predict the expression in one picture by a camera, as if it were a file; UserError as of `snapshot`."""
    for each in PictureReader(model.shape, detect, which, align).of_image(
        f"camera {number}", snapshot(number)
    ):
        [probabilities] = model.probabilities(each.pixels[np.newaxis], 1)
        yield Prediction(each.file, probabilities, each.faces, each.notes, each.face, each.box)
