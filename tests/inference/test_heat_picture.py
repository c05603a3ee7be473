"""What a picture of heat says in words."""

import numpy as np

from fer_bench.inference.heat_picture import COLUMNS, ROWS, Explained, draw, sheets


def explained(heat: np.ndarray, file: str = "a.png", channels: int = 1) -> Explained:
    probabilities = {"happy": 0.7, "angry": 0.2, "sad": 0.1}
    return Explained(file, np.zeros((*heat.shape, channels), np.uint8), heat, "sad", probabilities)


def test_what_is_seen_is_said_in_words():
    heat = np.zeros((48, 40), "float32")
    nothing = explained(heat)
    assert nothing.verdict == "happy 70.0%, angry 20.0%, sad 10.0%"
    assert nothing.hottest == ""
    assert nothing.caption == "bright: what speaks for sad (nothing does)"
    heat[40, 2] = 1
    assert nothing.hottest == "lower left"
    assert nothing.caption == "bright: what speaks for sad (most of it lower left)"


def test_heat_covers_what_is_hot_and_leaves_the_rest():
    heat = np.zeros((48, 48), "float32")
    heat[24:, :24] = 1
    picture = np.asarray(draw(explained(heat, "x" * 500, channels=3)))
    left, right = picture[12:348, 12:348], picture[12:348, 360:696]
    assert (left == 0).all(), "a black face"
    assert right[300, 20].min() > 80 and (right[300, 320] == 0).all() and (right[20, 20] == 0).all()


def test_pictures_fill_one_sheet_after_another():
    one = draw(explained(np.zeros((48, 48), "float32")))
    sizes = [sheet.size for sheet in sheets([one] * (COLUMNS * ROWS + 1))]
    assert sizes == [(COLUMNS * one.width, ROWS * one.height), one.size]
