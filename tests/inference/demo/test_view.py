"""What the demo shows: boxes where faces are, bars and curves as long and as high as the probabilities."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageColor

from fer_bench.inference.demo import view
from fer_bench.inference.face_reader import ReadFace
from fer_bench.inference.live import LiveFace, LiveFrame, Row

CLASSES = ("angry", "happy", "<sad>")
SHARES = np.array([0.25, 0.7, 0.05], np.float32)
GREY = Image.new("RGB", (2560, 1280), (90, 90, 90))


def test_a_box_is_drawn_where_the_face_is_in_the_colour_of_its_class():
    shown = view.with_boxes(GREY, [ReadFace((1000, 600, 1400, 1000), SHARES)], [1], CLASSES)
    assert shown.size == (1280, 640)
    happy = ImageColor.getrgb(view.colour(1))
    pixels = np.asarray(shown)
    for x, y in ((600, 499), (501, 400), (699, 400)):  # below, left, right
        assert tuple(pixels[y, x]) == happy
    assert tuple(pixels[400, 600]) == (90, 90, 90)
    assert tuple(np.asarray(GREY)[600, 1200]) == (90, 90, 90), "the picture itself is left as it is"


def test_labels_stay_within_the_picture():
    small = Image.new("RGB", (60, 40))
    for box in ((0, 0, 20, 20), (50, 30, 60, 40), (0, 0, 60, 40)):
        assert view.with_boxes(small, [ReadFace(box, SHARES)], [1], CLASSES).size == (60, 40)


def test_bars_are_as_long_as_probabilities_and_names_can_not_be_markup():
    html = view.bars([ReadFace((0, 0, 1, 1), SHARES)] * 2, [3, 4], CLASSES)
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Face 3: happy", "Face 4: happy"]
    assert re.findall(r"width:([\d.]+%)", html) == ["25.0%", "70.0%", "5.0%"] * 2
    assert "&lt;sad&gt;" in html and "<sad>" not in html
    assert "<h2>happy</h2>" in view.bars([ReadFace((0, 0, 1, 1), SHARES)], [3], CLASSES)


def test_a_picture_comes_with_the_page_itself():
    html = view.picture(GREY, [ReadFace((0, 0, 900, 900), SHARES)], CLASSES, "1 face")
    content = base64.b64decode(re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)[1])
    assert Image.open(io.BytesIO(content)).size == (1280, 640)
    assert "1 face" in html


def test_bars_of_more_than_two_faces_stand_below_their_picture():
    for faces, below in ((1, False), (2, False), (3, True)):
        html = view.picture(GREY, [ReadFace((0, 0, 9, 9), SHARES)] * faces, CLASSES, "faces")
        assert ("fb-many" in html) == below


def test_a_frame_says_its_rate_and_how_many_faces():
    face = LiveFace(7, (0, 0, 1, 1), SHARES)
    assert '<b class="fb-rate">12</b> frames per second · 1 face<' in view.live(
        LiveFrame(1.0, (face,), 12.3), CLASSES
    )
    assert "2 faces" in view.live(LiveFrame(1.0, (face, face), 12.3), CLASSES)
    assert "no face" in view.live(LiveFrame(1.0, (), 12.3), CLASSES)
    assert view.waiting(CLASSES).count("<li>") == 3


def test_curves_have_a_line_for_each_class_and_none_joins_two_people():
    rows = [Row(float(i), 1 + i // 80, True, SHARES) for i in range(100)]
    html = view.curves(rows[40:], CLASSES)
    lines = re.findall(r'points="([^"]*)"', html)
    assert len(lines) == 6
    right, top = map(float, lines[4].split()[-1].split(","))
    assert right == view.WIDTH - 8
    assert top == np.round(8 + 0.3 * (view.HEIGHT - view.BOTTOM - 8), 1)
    assert float(lines[0].split(",")[0]) >= view.LEFT
    assert re.findall(r">(\d+) s<", html)[0] == "40"
    away = [Row(0.0, 1, True, SHARES), Row(1.0, 1, True, SHARES), Row(2.1, 1, True, SHARES)]
    assert view.curves(away, CLASSES).count("<polyline") == 6, "another one, of the same number"
    assert "points" not in view.curves((), CLASSES)


def test_the_axis_of_curves_begins_with_fifteen_seconds_and_grows_to_sixty():
    for seconds, times in (
        (4, ["0", "5", "10"]),
        (28, ["0", "5", "10", "15", "20", "25"]),
        (45, ["0", "10", "20", "30", "40"]),
        (99, ["40", "50", "60", "70", "80", "90"]),
    ):
        rows = [Row(float(at), 1, True, SHARES) for at in range(max(0, seconds - 60), seconds + 1)]
        html = view.curves(rows, CLASSES)
        assert re.findall(r">(\d+) s<", html) == times
        first, *_, last = re.search(r'points="([^"]*)"', html)[1].split()
        right = view.WIDTH - 8
        width = right - view.LEFT
        assert float(first.split(",")[0]) == view.LEFT
        assert float(last.split(",")[0]) == pytest.approx(
            right if seconds > 15 else view.LEFT + width * seconds / 15, abs=0.1
        )
