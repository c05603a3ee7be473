"""Expressions over the time of a video: the face in a frame, batches of one size, no face."""

import numpy as np
import pytest
from clips import cut, on_pages, shades, write_clip

from fer_bench.data.decode import fitted
from fer_bench.inference import video_predictions
from fer_bench.inference.pictures import PictureReader, Unreadable
from fer_bench.inference.video import Sampling
from fer_bench.inference.video_predictions import BATCH_SIZE, predict_video


class Model:
    """Stands in for a model: the mean of the pixels as the probability of the second class."""

    classes, shape = ("dark", "light"), (16, 16, 1)

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def probabilities(self, pixels: np.ndarray, batch_size: int) -> np.ndarray:
        self.sizes.append((len(pixels), batch_size))
        light = pixels.mean(axis=(1, 2, 3), dtype=np.float32) / 255
        return np.stack([1 - light, light], axis=1)


def whole() -> PictureReader:
    return PictureReader(Model.shape, detect=False)


def test_whole_frames_in_batches_of_one_size(tmp_path):
    model, path = Model(), write_clip(tmp_path / "clip.avi", shades(40))
    found = list(predict_video(model, path, whole(), Sampling(0)))
    assert [each.moment.number for each in found] == list(range(40))
    assert model.sizes == [(BATCH_SIZE, BATCH_SIZE)] * 2 + [(8, BATCH_SIZE)]
    light = [each.probabilities[1] for each in found]
    assert np.corrcoef(light, np.arange(40))[0, 1] > 0.99
    row = found[7].row(model.classes)
    assert (row["seconds"], row["frame"], row["faces"], row["notes"]) == (0.7, 7, None, [])
    assert row["expression"] == "dark" and set(row["probabilities"]) == {"dark", "light"}


def test_the_face_is_cropped_and_a_frame_without_one_has_no_expression(tmp_path, portraits):
    face = portraits[0].convert("RGB")
    path = write_clip(tmp_path / "clip.avi", on_pages([face, None, face]))
    model = Model()
    first, none, last = predict_video(model, path, PictureReader(model.shape, detect=True), Sampling(0))
    assert (first.faces, none.faces, last.faces) == (1, 0, 1)
    cropped = fitted(face, model.shape).mean() / 255
    assert first.probabilities[1] == pytest.approx(cropped, abs=0.08)
    row = none.row(model.classes)
    assert (row["expression"], row["probability"], row["probabilities"]) == (None, None, {})
    assert row["notes"] == ["no face found"]
    assert model.sizes == [(2, BATCH_SIZE)]


def test_rows_before_a_break_are_kept(tmp_path):
    path = cut(write_clip(tmp_path / "clip.avi", shades(40)), 0.6)
    *rows, end = predict_video(Model(), path, whole(), Sampling())
    assert len(rows) >= 3 and isinstance(end, Unreadable) and "breaks off" in end.reason


def test_few_frames_are_in_memory_at_a_time(tmp_path, monkeypatch):
    read, predicted = [], []
    original = video_predictions.sampled_frames

    def counted(path, sampling):
        for frame in original(path, sampling):
            read.append(frame.moment.number)
            assert len(read) - len(predicted) <= video_predictions.AHEAD + BATCH_SIZE + 1
            yield frame

    monkeypatch.setattr(video_predictions, "sampled_frames", counted)
    path = write_clip(tmp_path / "clip.avi", shades(100))
    for each in predict_video(Model(), path, whole(), Sampling(0)):
        predicted.append(each)
    assert len(predicted) == 100
