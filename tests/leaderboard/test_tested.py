"""Runs on the same test images, of which older ones know less."""

from dataclasses import replace

import numpy as np

from fer_bench.data.attributes import Attributes
from fer_bench.leaderboard.tested import TestedRuns
from fer_bench.storage.records import HeldOut, Predictions

OLD = HeldOut(np.array([0, 1]), np.arange(2), np.ones(2, bool), np.array(["a", "b"]))
GENDER = Attributes({"gender": ("female", "male")}, np.array([[1, 2]], np.uint8))


def test_what_one_run_knows_of_the_images_is_known_whatever_the_order():
    near, predicted = np.array([True, False]), np.array([0, 0])
    for known in (
        [OLD, replace(OLD, attributes=GENDER), replace(OLD, near_dedup=near)],
        [replace(OLD, near_dedup=near), OLD, replace(OLD, attributes=GENDER)],
    ):
        runs = TestedRuns(known[0])
        assert [runs.add(Predictions(images, predicted)) for images in known] == [0, 1, 2]
        assert runs.images.attributes is GENDER and runs.images.near_dedup.tolist() == [True, False]
