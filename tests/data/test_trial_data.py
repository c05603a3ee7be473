from dataclasses import replace

import numpy as np
from faces import draw_faces

from fer_bench.data.splits import Split
from fer_bench.data.trial_data import TrialData

FACES = draw_faces()
SPLIT = Split("made", np.array([5, 9]), np.array([2]), np.array([7, 11]), np.array([True, False]), False)


def test_only_images_of_the_split_lie_on_the_device():
    faces, split = FACES, SPLIT
    found = TrialData.of(faces, split)
    assert found.pixels.shape == (5, 24, 24, 1)
    for name in ("train", "val", "test"):
        place, origin = getattr(found, name), getattr(split, name)
        np.testing.assert_array_equal(found.pixels[place], faces.pixels[origin])
        np.testing.assert_array_equal(found.labels[place], faces.labels[origin])
        np.testing.assert_array_equal(found.ids[place], faces.ids[origin])
        np.testing.assert_array_equal(found.groups[place], faces.twins()[origin])
    np.testing.assert_array_equal(found.dedup, [True, False])
    assert found.attributes is None


def test_attributes_are_those_of_the_test_images():
    words = np.full(len(FACES), "old", "U5")
    words[[7, 5]] = "young", ""
    found = TrialData.of(replace(FACES, attributes={"age": words}), SPLIT)
    assert found.attributes.values == {"age": ("old", "young")}
    assert found.attributes.codes.tolist() == [[2, 1]]


def test_votes_come_with_their_images():
    faces = draw_faces()
    votes = np.random.default_rng(0).dirichlet(np.ones(5), len(faces)).astype(np.float32)
    split = Split("made", np.array([5, 9]), np.array([2]), np.array([7]), np.array([True]), False)
    assert TrialData.of(faces, split).votes is None
    found = TrialData.of(replace(faces, votes=votes), split)
    for name in ("train", "val", "test"):
        np.testing.assert_array_equal(found.votes[getattr(found, name)], votes[getattr(split, name)])
