"""Expressions over time: durations, stretches, gaps."""

import numpy as np
import pytest

from fer_bench.inference.timeline import Stretch, clock, timeline
from fer_bench.inference.video import Moment
from fer_bench.inference.video_predictions import FramePrediction

CLASSES = ("angry", "happy")


def frames(*values: float | None, seconds=None, length=3.0):
    """A prediction each half second with this probability of angry; None: no face."""
    found = []
    for i, value in enumerate(values):
        probabilities = None if value is None else np.array([value, 1 - value], np.float32)
        at = 0.5 * i if seconds is None else seconds[i]
        found.append(FramePrediction(Moment("clip.mp4", at, i, length), probabilities, 1, ()))
    return found


def test_durations_and_stretches_of_a_clip_worked_by_hand():
    line = timeline(frames(0.8, 0.6, None, 0.25, 0.25, 0.75), CLASSES)
    assert line.durations_by_class() == {"angry": 1.5, "happy": 1.0}
    assert (line.with_face, line.end) == (pytest.approx(2.5 / 3), 3.0)
    first, gap, second, last = line.stretches()
    assert first == Stretch("angry", 0.0, 1.0, pytest.approx(0.7))
    assert (gap.expression, gap.start, gap.end) == (None, 1.0, 1.5)
    assert second == Stretch("happy", 1.5, 2.5, 0.75)
    assert last == Stretch("angry", 2.5, 3.0, 0.75)


def test_a_frame_lasts_until_the_next_and_the_last_within_the_video():
    line = timeline(frames(0.9, 0.1, 0.9, seconds=(0.0, 2.0, 2.5), length=2.7), CLASSES)
    np.testing.assert_allclose(line.durations, [2, 0.5, 0.2])
    np.testing.assert_allclose(timeline(frames(0.9, length=None), CLASSES).durations, [1])
    np.testing.assert_allclose(timeline(frames(0.9, 0.9, length=None), CLASSES).durations, [0.5, 0.5])


def test_of_several_faces_in_a_frame_the_first_counts():
    one, other = frames(0.9)[0], frames(0.1)[0]
    assert timeline([one, other], CLASSES).durations_by_class() == {"angry": 3.0, "happy": 0.0}


def test_without_any_face_nothing_lasts():
    line = timeline(frames(None, None), CLASSES)
    assert (line.with_face, set(line.durations_by_class().values())) == (0, {0.0})


@pytest.mark.parametrize(
    ("seconds", "digits", "expected"),
    [(0, 1, "0:00.0"), (59.96, 1, "1:00.0"), (61.25, 0, "1:01"), (3725.5, 1, "1:02:05.5")],
)
def test_clock(seconds, digits, expected):
    assert clock(seconds, digits) == expected
