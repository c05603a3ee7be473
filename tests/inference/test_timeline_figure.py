"""The figure of a video: a strip for each class, gaps, means where there is much."""

import numpy as np
import pytest

from fer_bench.inference.timeline import Timeline
from fer_bench.inference.timeline_figure import BINS, binned, draw

CLASSES = ("angry", "happy", "sad")


def line(number: int, gap: slice) -> Timeline:
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], number)
    probabilities[gap] = np.nan
    return Timeline("clip.mp4", CLASSES, np.arange(number) / 2, np.full(number, 0.5), probabilities)


def test_few_frames_are_drawn_as_they_are_and_many_as_means():
    few = line(6, slice(2, 3))
    edges, values = binned(few)
    np.testing.assert_allclose(edges, np.arange(7) / 2)
    np.testing.assert_allclose(values, few.probabilities)
    many = line(10 * BINS, slice(100, 125))
    edges, values = binned(many)
    assert values.shape == (BINS, 3)
    np.testing.assert_allclose(values[0], many.probabilities[:10].mean(axis=0))
    assert np.flatnonzero(np.isnan(values[:, 0])).tolist() == [10, 11]
    np.testing.assert_allclose(values[12], many.probabilities[125:130].mean(axis=0))  # half of it has a face


@pytest.mark.parametrize("number", [1, 40])
def test_strips_name_classes_and_shares_and_no_word_sticks_out(number, tmp_path):
    figure = draw(line(number, slice(20, 30)))
    figure.savefig(tmp_path / "clip.png")
    assert [axes.get_ylabel() for axes in figure.axes] == list(CLASSES)
    shares = [int(axes.texts[0].get_text().removesuffix("%")) for axes in figure.axes]
    assert sum(shares) in (99, 100, 101)
    assert ("no face" in figure.axes[-1].get_xlabel()) == (number == 40)
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_a_video_without_a_face_is_all_grey(tmp_path):
    draw(line(5, slice(None))).savefig(tmp_path / "clip.svg")
    assert (tmp_path / "clip.svg").stat().st_size > 1000
