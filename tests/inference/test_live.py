"""Frames of a camera: who is who, readings smoothed by time, the rate, and a history that stays bounded."""

import csv
import io
import math

import numpy as np
import pytest

from fer_bench.inference.face_reader import ReadFace
from fer_bench.inference.live import MOST_ROWS, History, LiveFace, LiveFrame, LiveView, LiveViews, Tracks

FRAME = np.zeros((48, 64, 3), np.uint8)


def face(left: int, *shares: float, width: int = 40) -> ReadFace:
    return ReadFace((left, 10, left + width, 10 + width), np.array(shares, np.float32))


class Scripted:
    """Takes the place of a FaceReader: finds what it is told to."""

    classes = ("angry", "happy")

    def __init__(self) -> None:
        self.next: list[ReadFace] = []
        self.asked: list[tuple[int, int]] = []

    def __call__(self, frame, longest_side, most):
        self.asked.append((longest_side, most))
        return self.next


def test_a_reading_loses_all_but_1_in_e_of_its_weight_in_the_time_of_smoothing_at_any_rate():
    for frames in (1, 8):
        tracks = Tracks()
        tracks.follow([face(0, 1.0, 0.0)], 0.0)
        for i in range(1, frames + 1):
            (seen,) = tracks.follow([face(0, 0.0, 1.0)], 0.4 * i / frames)
        np.testing.assert_allclose(seen.probabilities, [1 / math.e, 1 - 1 / math.e], rtol=1e-5)


def test_two_faces_keep_their_numbers_whatever_their_order_and_are_smoothed_apart():
    tracks = Tracks()
    first = tracks.follow([face(0, 1, 0), face(100, 0, 1)], 0.0)
    assert [each.number for each in first] == [1, 2]
    second = tracks.follow([face(105, 0, 1), face(10, 1, 0)], 0.1)
    assert [each.number for each in second] == [2, 1]
    np.testing.assert_allclose([each.probabilities for each in second], [[0, 1], [1, 0]])


def test_a_face_that_jumps_or_was_away_is_another_one():
    tracks = Tracks()
    assert tracks.follow([face(0, 1, 0)], 0.0)[0].number == 1
    assert tracks.follow([face(27, 1, 0)], 0.1)[0].number == 1
    assert tracks.follow([], 0.2) == []
    assert tracks.follow([face(27, 1, 0)], 1.0)[0].number == 1, "missed for less than a second"
    assert tracks.follow([face(60, 0, 1)], 1.1)[0].number == 2
    (back,) = tracks.follow([face(27, 0, 1)], 2.2)
    assert back.number == 1, "the first two are forgotten"
    np.testing.assert_allclose(back.probabilities, [0, 1])


def test_a_view_tells_time_rate_and_faces_and_remembers_them():
    clock = iter([100 + i / 8 for i in range(40)])
    reader = Scripted()
    view = LiveView(reader, lambda: next(clock))
    reader.next = [face(0, 0.25, 0.75)]
    assert view(FRAME).rate == 0
    for _ in range(30):
        seen = view(FRAME)
    assert reader.asked[0] == (320, 4)
    assert (seen.seconds, seen.faces[0].number) == (30 / 8, 1)
    assert seen.rate == pytest.approx(8)
    assert len(view.history.rows) == 31
    reader.next = []
    assert view(FRAME).faces == ()
    assert len(view.history.rows) == 31


def frame(seconds: float, *numbers: int) -> LiveFrame:
    faces = (LiveFace(n, (0, 0, 1, 1), np.array([0.25, 0.75], np.float32)) for n in numbers)
    return LiveFrame(seconds, tuple(faces), 10.0)


def test_history_is_a_table_and_its_largest_face_a_curve():
    history = History(("angry", "happy"))
    assert history.of_largest_face(60) == []
    for seconds in range(100):
        history.add(frame(seconds, 2, 1))
    history.add(frame(100, 1))
    recent = history.of_largest_face(60)
    assert [row.seconds for row in recent] == list(range(40, 101))
    assert [row.face for row in recent] == [2] * 60 + [1]
    rows = list(csv.DictReader(io.StringIO(history.csv())))
    assert len(rows) == 201
    assert rows[1] == {"seconds": "0.00", "face": "1", "angry": "0.2500", "happy": "0.7500"}


def test_history_stays_bounded():
    history = History(("angry", "happy"))
    for seconds in range(MOST_ROWS // 4 + 10):
        history.add(frame(seconds, 1, 2, 3, 4))
    assert len(history.rows) == MOST_ROWS
    assert history.rows[0].seconds == 10


def test_each_camera_has_a_view_of_its_own_and_only_the_latest_are_kept():
    views = LiveViews(Scripted())
    first = views.of("a")
    assert views.of("a") is first and views.of("b") is not first
    for i in range(15):
        views.of("a")
        views.of(str(i))
    assert views.of("a") is first, "used all the time"
    views.forget("a")
    views.forget("a")
    assert views.of("a") is not first
