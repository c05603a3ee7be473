"""Faces in pictures: where they are, how they are cut out, and what happens where YuNet can't run."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pictures import page
from portrait import EYES, FACE, astronaut, group

from fer_bench.errors import UserError
from fer_bench.inference import face_detector
from fer_bench.inference.face_detector import FaceDetector, load_cascade, shrunk, why_haar


def test_the_box_of_a_face_is_near_its_place_in_the_picture(portraits):
    for name in ("yunet", "haar"):
        (face,) = FaceDetector(name)(np.asarray(page((300, 120, portraits[0])).convert("RGB")))
        assert np.abs(np.subtract(face.box, (300, 120, 500, 320))).max() < 50


def test_yunet_locates_the_eyes_and_says_how_sure_it_is():
    (face,) = FaceDetector()(np.asarray(astronaut()))
    assert FaceDetector().name == "yunet"
    assert np.abs(np.subtract(face.box, FACE)).max() <= 6
    assert np.abs(np.subtract(face.eyes, EYES)).max() <= 4
    assert 0.9 < face.score <= 1


def test_haar_says_neither():
    (face,) = FaceDetector("haar")(np.asarray(astronaut()))
    assert face.eyes is None and np.isnan(face.score)
    assert np.abs(np.subtract(face.box, FACE)).max() <= 20


def test_the_square_lies_around_a_face_as_fer2013s_images_do():
    """Eyes 0.38 of the side apart and 0.39 below the top there, in the median; a quarter is off by 0.04."""
    (face,) = FaceDetector()(np.asarray(astronaut()))
    left, top, right, bottom = face.box
    assert right - left == pytest.approx(bottom - top, abs=1)
    (x, y), (other_x, other_y) = face.eyes
    assert (other_x - x) / (right - left) == pytest.approx(0.38, abs=0.04)
    assert ((y + other_y) / 2 - top) / (bottom - top) == pytest.approx(0.39, abs=0.04)


def test_faces_of_every_size_are_found_each_once_and_the_largest_comes_first():
    found = FaceDetector()(np.asarray(group((20, 20, 60), (150, 20, 200), (500, 10, 580))))
    middles = [(round((f.box[0] + f.box[2]) / 2), round((f.box[1] + f.box[3]) / 2)) for f in found]
    assert np.abs(np.subtract(middles, [(790, 300), (250, 120), (50, 50)])).max() < 60
    assert len({f.box for f in found}) == 3


@pytest.mark.parametrize("side", [90, 400, 1600])
def test_a_face_that_fills_the_picture_is_found(side):
    filled = astronaut().crop((155, 50, 295, 190)).resize((side, side))
    (face,) = FaceDetector()(np.asarray(filled))
    assert 0.6 * side < face.box[2] - face.box[0] <= side


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 5000), (5000, 1), (8, 900), (32, 400), (800, 31), (40, 900), (5000, 40), (24, 24)]
)
def test_in_pictures_of_odd_shapes_nothing_is_found(shape):
    picture = np.random.RandomState(0).randint(0, 256, (*shape, 3), dtype=np.uint8)
    assert FaceDetector()(picture) == FaceDetector("haar")(picture) == []


def test_threads_find_what_one_alone_finds():
    detector = FaceDetector()
    pictures = [np.asarray(group((30 * n, 20, 200 + 20 * n))) for n in range(8)]
    alone = [detector(picture) for picture in pictures]
    assert [len(faces) for faces in alone] == [1] * 8
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector, pictures)) == alone


def test_without_yunets_file_haar_stands_in_and_the_reason_is_said(monkeypatch, tmp_path, portraits):
    assert why_haar() == ""
    monkeypatch.setattr(face_detector, "YUNET_PACKAGE", "no_such_package")
    assert why_haar().startswith("YuNet's file isn't there: pip install")
    detector = FaceDetector()
    assert detector.name == "haar"
    assert len(detector(np.asarray(page((300, 120, portraits[0])).convert("RGB")))) == 1


def test_a_damaged_file_and_an_opencv_without_yunet_are_reasons_too(monkeypatch, tmp_path):
    import cv2

    damaged = tmp_path / "face.onnx"
    damaged.write_bytes(b"no net")
    with monkeypatch.context() as patch:
        patch.setattr(face_detector, "yunet_path", lambda: damaged)
        assert "face.onnx is damaged: pip install --force-reinstall" in why_haar()
        assert FaceDetector().name == "haar"
    monkeypatch.delattr(cv2, "FaceDetectorYN")
    assert why_haar() == f"OpenCV {cv2.__version__} can't run YuNet"


def test_a_picture_on_which_yunet_breaks_off_is_searched_by_haar(monkeypatch):
    import cv2

    def break_off(net, picture):
        raise cv2.error("Assertion failed")

    monkeypatch.setattr(face_detector._YuNet, "__call__", break_off)
    picture = np.asarray(astronaut())
    assert FaceDetector()(picture) == FaceDetector("haar")(picture) != []


def test_opencv_without_its_detector_says_which_one_to_install(monkeypatch):
    import cv2

    monkeypatch.setattr(cv2.data, "haarcascades", "/nowhere/")
    with pytest.raises(UserError, match=r"opencv-python-headless>=4\.13,<5"):
        load_cascade()
    assert len(FaceDetector()(np.asarray(astronaut()))) == 1, "YuNet needs it not"


def test_only_larger_pictures_are_shrunk():
    picture = np.zeros((600, 1200, 3), np.uint8)
    small, times = shrunk(picture, 800)
    assert small.shape == (400, 800, 3) and times == 1.5
    assert shrunk(picture, 1200) == (picture, 1.0)
