"""Which views there are, and what an image looks like in them."""

import numpy as np
import pytest

from fer_bench.study.views import View, views


def test_views_are_still_or_shifted_by_a_48th_of_the_side_each_mirrored_as_well():
    assert views(None, 96) == (View(),)
    assert views("flip", 96) == (View(), View(True))
    ten = views("ten", 96)
    assert len(set(ten)) == 10 and ten[0] == View()
    assert {(view.right, view.down) for view in ten} == {(0, 0), (2, 0), (-2, 0), (0, 2), (0, -2)}
    assert {abs(view.right) for view in views("ten", 20)} == {0, 1}


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        (View(), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (View(mirrored=True), [[3, 2, 1], [6, 5, 4], [9, 8, 7]]),
        (View(right=1), [[1, 1, 2], [4, 4, 5], [7, 7, 8]]),
        (View(right=-1), [[2, 3, 3], [5, 6, 6], [8, 9, 9]]),
        (View(down=1), [[1, 2, 3], [1, 2, 3], [4, 5, 6]]),
        (View(True, down=-2), [[9, 8, 7], [9, 8, 7], [9, 8, 7]]),
        (View(True, right=1), [[3, 3, 2], [6, 6, 5], [9, 9, 8]]),
    ],
)
def test_pixels_move_and_the_border_is_repeated(view, rows):
    image = np.arange(1, 10).reshape(3, 3)
    of_rows, of_columns = view.places(3)
    np.testing.assert_array_equal(image[of_rows][:, of_columns], rows)
