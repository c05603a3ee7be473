"""Drawn faces to measure on."""

import numpy as np
from PIL import Image

from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.workloads import draw_faces, trial_data, write_tree


def test_a_tree_holds_the_same_faces_as_the_array(tmp_path):
    pixels, labels = draw_faces(40, seed=3)
    write_tree(tmp_path, 40, seed=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(CLASSES)
    for number, (face, label) in enumerate(zip(pixels, labels, strict=True)):
        with Image.open(tmp_path / CLASSES[label] / f"{number:05}.jpg") as picture:
            written = np.asarray(picture).astype(int)
        assert np.abs(written - face[..., 0]).mean() < 8  # what JPEG loses


def test_a_trial_has_images_to_train_and_to_validate_on():
    data = trial_data(50, 30)
    assert (len(data.train), len(data.val), len(data.test)) == (50, 30, 0)
    assert data.pixels.shape == (80, 48, 48, 1) and data.pixels.dtype == np.uint8
    assert not set(data.train) & set(data.val)
    assert set(data.labels[data.train]) == set(range(len(CLASSES)))
