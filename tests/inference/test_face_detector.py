"""Faces in pictures: where they are, and an OpenCV that can't look for them."""

import numpy as np
import pytest
from pictures import page

from fer_bench.errors import UserError
from fer_bench.inference.face_detector import FaceDetector, load_cascade


def test_the_box_of_a_face_is_near_its_place_in_the_picture(portraits):
    (face,) = FaceDetector()(np.asarray(page((300, 120, portraits[0])).convert("RGB")))
    assert np.abs(np.subtract(face.box, (300, 120, 500, 320))).max() < 50


def test_opencv_without_its_detector_says_which_one_to_install(monkeypatch):
    import cv2

    monkeypatch.setattr(cv2.data, "haarcascades", "/nowhere/")
    with pytest.raises(UserError, match=r"opencv-python-headless>=4\.10,<5"):
        load_cascade()
