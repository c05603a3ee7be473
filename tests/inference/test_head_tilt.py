"""How far heads are tilted, and that they look upright again."""

import numpy as np
import pytest
from pictures import noise
from PIL import Image
from portrait import FACE, astronaut

from fer_bench.errors import UserError
from fer_bench.inference import face_detector
from fer_bench.inference.face_crop import face_pixels
from fer_bench.inference.face_detector import FaceDetector
from fer_bench.inference.head_tilt import HeadTilt

SHAPE = (48, 48, 1)
CENTRE = (224, 116)


def tilted(degrees: float) -> Image.Image:
    """The portrait with the head tilted clockwise by so much more."""
    return astronaut().rotate(-degrees, Image.Resampling.BICUBIC, center=CENTRE, fillcolor="grey")


@pytest.mark.parametrize("degrees", [-35, -20, 10, 30])
def test_the_tilt_of_a_turned_picture_is_told_to_within_six_degrees(degrees):
    tilt = HeadTilt()
    assert tilt(tilted(degrees), FACE) - tilt(tilted(0), FACE) == pytest.approx(degrees, abs=6)


def test_where_no_head_is_nothing_is_turned():
    assert HeadTilt()(noise(size=(300, 300)), (100, 100, 200, 200)) == 0.0


@pytest.mark.parametrize("degrees", [-30, 20])
def test_a_tilted_head_looks_upright_again(degrees):
    detector, tilt = FaceDetector(), HeadTilt()
    (face,), (found,) = (detector(np.asarray(image)) for image in (tilted(0), tilted(degrees)))
    wanted = face_pixels(tilted(0), face, SHAPE).ravel()

    def likeness(turn: float) -> float:
        return np.corrcoef(wanted, face_pixels(tilted(degrees), found, SHAPE, turn).ravel())[0, 1]

    assert likeness(tilt(tilted(degrees), found.box)) > likeness(0) + 0.2


def test_without_yunet_aligning_is_refused(monkeypatch):
    monkeypatch.setattr(face_detector, "YUNET_PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="aligning faces needs YuNet: YuNet's file isn't there"):
        HeadTilt()
