"""Pictures by cameras: one that is there, played by a stand-in, and none."""

from contextlib import contextmanager

import numpy as np
import pytest

from fer_bench.errors import UserError
from fer_bench.inference import camera
from fer_bench.inference.camera import SETTLING, snapshot


class Camera:
    """Stands in for OpenCV's: each picture is brighter than the one before, in blue."""

    def __init__(self, last: int) -> None:
        self.taken, self.last = 0, last

    def read(self):
        self.taken += 1
        return (self.taken <= self.last), np.array([[[self.taken, 0, 0]]], np.uint8)


@pytest.mark.parametrize("last", [SETTLING, 4])
def test_the_picture_is_the_last_one_after_the_camera_has_settled(monkeypatch, last):
    @contextmanager
    def capture(number):
        assert number == 2
        yield Camera(last)

    monkeypatch.setattr(camera, "capture", capture)
    assert snapshot(2).getpixel((0, 0)) == (0, 0, last)


def test_without_a_camera_one_line_says_so(capfd):
    with pytest.raises(UserError, match=r"camera 63: OpenCV gets no picture from it"):
        snapshot(63)
    assert capfd.readouterr() == ("", "")
