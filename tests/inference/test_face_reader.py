"""All faces of a picture: found in a shrunken copy, cropped from the picture, read in batches of one size."""

import numpy as np
import pytest
from stub_models import StubModel

from fer_bench.inference.face_detector import Face
from fer_bench.inference.face_reader import FaceReader


class Brightest:
    """Takes 16x16 pixels from each white one on for a face; `sizes` are of what it was given."""

    def __init__(self) -> None:
        self.sizes = []

    def __call__(self, picture):
        self.sizes.append(picture.shape)
        starts = np.argwhere(picture[..., 0] > 250)
        return [Face((x, y, x + 16, y + 16), eyes=((x + 4, y), (x + 12, y))) for y, x in starts.tolist()]


@pytest.fixture
def reader():
    return FaceReader(StubModel(0.1, 0.7, 0.2), Brightest())


def dots(height, width, *places, size=1):
    picture = np.zeros((height, width, 3), np.uint8)
    for y, x in places:
        picture[y : y + size, x : x + size] = 255
    return picture


def test_six_faces_are_read_in_two_calls_of_one_size(reader):
    found = reader(dots(100, 200, *((10, 20 * i) for i in range(6))))
    assert [face.box for face in found] == [(20 * i, 10, 20 * i + 16, 26) for i in range(6)]
    assert reader._model.batches == [(4, 4), (2, 4)]
    np.testing.assert_allclose([face.probabilities for face in found], [[0.1, 0.7, 0.2]] * 6, rtol=1e-6)
    assert len(reader(dots(100, 200, *((10, 20 * i) for i in range(6))), most=2)) == 2


def test_faces_are_searched_in_a_shrunken_copy_and_boxes_are_of_the_picture(reader):
    (face,) = reader(dots(480, 640, (40, 80), size=4), longest_side=160)
    assert reader._detector.sizes == [(120, 160, 3)]
    assert face.box == (80, 40, 144, 104)
    (edge,) = reader(dots(480, 640, (476, 636), size=4), longest_side=160)
    assert edge.box == (636, 476, 640, 480), "no box reaches out of the picture"
    reader(dots(100, 150, (4, 4)), longest_side=160)
    assert reader._detector.sizes[-1] == (100, 150, 3), "nothing is made larger"


def test_no_face_calls_no_model_and_a_whole_picture_can_be_read(reader):
    assert reader(dots(100, 100)) == []
    assert reader._model.batches == []
    face = reader.read_whole(dots(30, 40))
    assert face.box == (0, 0, 40, 30)
    assert reader._model.batches == [(1, 4)]
    reader.warm_up()
    assert reader._model.batches == [(1, 4)] * 2
