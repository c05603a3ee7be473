"""Tables with an image in each row."""

import numpy as np
import pytest
from image_files import write

from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.pixel_tables import CSV_ORDER, table_draft, table_records


@pytest.fixture
def tree(tmp_path):
    rows = [
        f"{label},{' '.join([str(shade)] * 48 * 48)}" for label, shade in ((0, 10), (3, 20), (0, 30), (4, 40))
    ]
    return open_tree(write(tmp_path / "x", {"t.csv": "\n".join(["emotion,pixels", *rows]).encode()}))


def test_a_draft_gives_the_pixels_of_the_rows_that_are_kept(tree):
    records = table_records(tree, "t.csv")
    assert [record.label for record in records] == ["angry", "happy", "angry", "sad"]
    whole = table_draft(tree, "t.csv", records, CSV_ORDER)
    assert whole.classes == tuple(sorted(CSV_ORDER)) and whole.source == "x: t.csv"
    assert [int(image.max()) for image in whole.pixels()] == [10, 20, 30, 40]
    part = table_draft(tree, "t.csv", records[1:], CSV_ORDER[:5], parse_classes("sad=-,disgust=angry,fear=-"))
    assert (part.classes, [record.id for record in part.records]) == (("angry", "happy"), ["row 2", "row 3"])
    assert [image.shape for image in part.pixels()] == [(48, 48, 1)] * 2
    assert np.stack(list(part.pixels())).max(axis=(1, 2, 3)).tolist() == [20, 30]
    assert part.remarks == ("named by --classes: disgust as angry", "left out by --classes: 1 sad")
