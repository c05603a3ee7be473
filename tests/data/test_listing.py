"""Lists of images as data sets have them."""

import pytest
from image_files import picture, write

from fer_bench.data.archive import open_tree
from fer_bench.data.draft import ImageRecord, ImportOptions, quiet
from fer_bench.data.listing import Listing, four_numbers


def test_rows_of_a_list_are_found_by_the_end_of_their_names(tmp_path):
    names = ("a/faces/1/x.png", "a/other/1/x.png", "b/2/y.png", "c/2/y.png", "d/3/z.png")
    tree = open_tree(write(tmp_path / "x", {name: picture(k) for k, name in enumerate(names)}))
    listing = Listing(tree, 2, "faces")
    rows = [("1/x.png", "a"), ("2/y.png", "b"), ("3/z.png", "b"), ("3/z.png", "b"), ("1/x.png", "b")]
    for number, (name, label) in enumerate(rows, start=1):
        listing.add(f"row {number}", name, ImageRecord(name, label, "none"), ("4", "4", "40", "40.4"))
    listing.add("row 6", "gone.png", ImageRecord("gone", "a", "none"), ("1", "1", "2", "2"), sized=True)
    draft = listing.draft(ImportOptions(), quiet)
    assert [(record.id, record.label) for record in draft.records] == [("1/x.png", "a"), ("3/z.png", "b")]
    assert draft.skipped == (
        "row 2: several files are called 2/y.png",
        "3/z.png: named more than once: only the first counts",
        "1/x.png: named more than once: only the first counts",
        "gone: named in the list, but not there",
    )
    assert draft.shape == (36, 36, 1)


@pytest.mark.parametrize(
    ("box", "sized", "why"),
    [
        (("1", "2", "x", "4"), False, "its box (1, 2, x, 4) isn't four numbers of pixels"),
        (("1", "2", "", "4"), False, "its box (1, 2, , 4) isn't four numbers of pixels"),
        (("nan", "2", "3", "4"), False, "its box (nan, 2, 3, 4) isn't four numbers of pixels"),
        (("1", "2", "inf", "4"), True, "its box (1, 2, inf, 4) isn't four numbers of pixels"),
        (("5", "2", "3", "4"), False, "its box (5, 2, 3, 4) is empty"),
        (("5", "2", "3", "-4"), True, "its box (5, 2, 3, -4) is empty"),
    ],
)
def test_a_box_that_is_none_is_said(tmp_path, box, sized, why):
    listing = Listing(open_tree(write(tmp_path / "x", {"x.png": picture(1)})), 1, "")
    listing.add("row 1", "x.png", ImageRecord("x", "a", "none"), box, sized)
    assert listing.draft(ImportOptions(), quiet).skipped == (f"row 1: {why}",)


def test_four_numbers_of_a_box_are_within_what_an_image_may_have():
    assert four_numbers(["1", "-2.5", "3e2", "1000000"]) == (1, -2.5, 300, 1e6)
    for text in (["1", "2", "3"], ["1", "2", "3", "1000001"], []):
        with pytest.raises(ValueError, match="isn't four numbers of pixels"):
            four_numbers(text)
