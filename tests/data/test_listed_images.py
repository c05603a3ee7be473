"""Files of a list, some of them parts of larger pictures."""

import io

import numpy as np
import pytest
from image_files import picture, write
from PIL import Image

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.draft import ImageRecord
from fer_bench.data.listed_images import ListedImage, listed_draft
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def listed(name, number, box=None):
    return ListedImage(name, ImageRecord(f"{name} {number}", "ab"[number % 2], "none"), box)


def test_boxes_are_cut_out_where_they_are_inside(tmp_path):
    data = picture(1, size=(40, 30), form="PNG")
    tree = open_tree(write(tmp_path / "x", {"x.png": data}))
    whole = np.asarray(Image.open(io.BytesIO(data)))
    boxes = [(0, 0, 10, 10), (30, 20, 40, 30), (-5, 2, 10, 40), (40, 0, 50, 10), (20, 10, 200, 190)]
    draft = listed_draft(tree, [listed("x.png", i, box) for i, box in enumerate(boxes)], "ab", size=10)
    assert draft.skipped == (
        "x.png 3: its box (40, 0, 50, 10) holds nothing of the 40x30 pixels",
        "x.png 4: its box (20, 10, 200, 190) lies outside of its 40x30 pixels: is it cut already?",
    )
    images = cache.save("boxes", draft)
    assert images.pixels.shape == (3, 10, 10, 1)
    np.testing.assert_array_equal(images.pixels[0, ..., 0], whole[:10, :10])
    np.testing.assert_array_equal(images.pixels[1, ..., 0], whole[20:, 30:])


def test_what_is_named_and_not_there_is_left_out_and_said(tmp_path):
    tree = open_tree(write(tmp_path / "x", {"a.png": picture(1), "b.png": picture(2)}))
    files = [listed("a.png", 0), listed("b.png", 1), listed("c.png", 2)]
    draft = listed_draft(tree, files, ("b", "a"))
    assert [record.id for record in draft.records] == ["a.png 0", "b.png 1"]
    assert draft.skipped == ("c.png 2: named in the list, but not there",)
    assert draft.classes == ("a", "b")
    with pytest.raises(
        UserError, match=r"none of the 1 images that its list names is there \(first: c.png\)"
    ):
        listed_draft(tree, [listed("c.png", 0)], "ab")


def test_of_an_image_named_twice_the_first_counts(tmp_path):
    tree = open_tree(write(tmp_path / "x", {"a.png": picture(1), "b.png": picture(2)}))
    again = ListedImage("a.png", ImageRecord("a.png 0", "b", "none"))
    draft = listed_draft(tree, [listed("a.png", 0), listed("b.png", 1), again], "ab")
    assert [(record.id, record.label) for record in draft.records] == [("a.png 0", "a"), ("b.png 1", "b")]
    assert draft.skipped == ("a.png 0: named more than once: only the first counts",)


def test_a_box_of_a_very_large_picture_is_in_its_own_pixels(tmp_path):
    picture = Image.new("L", (6000, 120))
    picture.paste(255, (5800, 0, 5920, 120))
    for name in ("x.png", "x.jpg"):
        picture.save(tmp_path / name)
    faces = [listed(name, k, (5800, 0, 5920, 120)) for k, name in enumerate(("x.png", "x.jpg"))]
    draft = listed_draft(open_tree(tmp_path), faces, "ab", size=16)
    assert not draft.skipped
    assert all(pixels.mean() > 240 for pixels in draft.pixels())
