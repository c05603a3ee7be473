"""CK+ in its three forms."""

import numpy as np
import pytest
from annotated_sets import ck_plus_files, ck_plus_folders, ck_plus_table, encoded, face
from image_files import write, zipped

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits, split
from fer_bench.datasets import ck_plus
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")
SORTED = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
LABEL = "Emotion/S000/001/S000_001_00000006_emotion.txt"


def read(path, **options):
    return DATASETS["ck-plus"]().read(open_tree(path), ImportOptions(**options))


def test_last_frames_of_a_labelled_sequence_have_its_label_and_the_first_is_neutral(tmp_path):
    path = write(tmp_path / "ck", ck_plus_files())
    assert recognise(open_tree(path)) == ("ck-plus", "CK+, the official tree")
    draft = read(path)
    assert draft.remarks == ("24 sequences without a label are left out",)
    assert not draft.skipped
    images = cache.save("ck-plus", draft)
    assert images.classes == SORTED
    assert images.counts().tolist() == [12, 12, 12, 9, 9, 24, 9, 9]
    assert images.notes == (ck_plus.PEOPLE, ck_plus.CUSTOM)
    labels = dict(zip(images.ids.tolist(), (images.classes[k] for k in images.labels), strict=True))
    first = {name: label for name, label in labels.items() if name.startswith("S001")}
    last = {f"S001_001_0000000{i}": "contempt" for i in (4, 5, 6)}
    assert first == {"S001_001_00000001": "neutral", **last}


@pytest.mark.parametrize("form", [ck_plus_files, ck_plus_folders])
def test_a_split_keeps_a_person_on_one_side(tmp_path, form):
    images = cache.save("ck-plus", read(write(tmp_path / "ck", form(70))))
    assert available_splits(images) == ("random_80_10_10", "random_80_20")
    parts = split(images, "random_80_10_10")
    sides = [set(images.subjects[part]) for part in (parts.train, parts.val, parts.test)]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 70
    assert all(len(side) >= 7 for side in sides)


def test_class_folders_say_who_is_who_and_their_split_is_ignored(tmp_path):
    path = zipped(tmp_path / "archive.zip", ck_plus_folders())
    assert recognise(open_tree(path)) == ("ck-plus", "CK+, class folders")
    images = cache.save("ck-plus", read(path))
    assert images.classes == tuple(name for name in SORTED if name != "neutral")
    assert len(images) == 72
    assert "anger/S000_001_00000011.png" in images.ids
    assert images.notes == (ck_plus.PEOPLE,)
    divided = {name.replace("48/", "48/train/"): data for name, data in ck_plus_folders().items()}
    assert not cache.save("ck-plus", read(write(tmp_path / "x", divided))).in_subset("train").any()
    with pytest.raises(UserError, match="folder 'bored' is none of CK"):
        read(write(tmp_path / "y", {"bored/S001_001_00000001.png": encoded(face("sad", 1))}))


def test_a_few_frames_among_other_images_make_no_ck_plus(tmp_path):
    files = {f"{name}/{i}.png": encoded(face(name, i)) for name in ("sad", "happy") for i in range(3)}
    path = write(tmp_path / "mixed", {**files, "sad/S001_001_00000001.png": encoded(face("sad", 9))})
    assert recognise(open_tree(path))[0] == "folder"


@pytest.mark.parametrize("name", ["ckextended.csv", "faces.csv"])
def test_its_table_is_told_from_that_of_fer2013(tmp_path, name):
    path = write(tmp_path, {name: ck_plus_table()}) / name
    assert recognise(open_tree(path)) == ("ck-plus", f"CK+'s table, {name}")
    images = cache.save("ck-plus", read(path))
    assert images.classes == SORTED
    assert images.counts().tolist() == [3] * 8
    assert not images.in_subset("train", "val", "test").any()
    assert images.notes == (ck_plus.NO_PEOPLE,)
    place = images.ids.tolist().index("row 8")
    assert images.classes[images.labels[place]] == "contempt"
    np.testing.assert_array_equal(images.pixels[place, ..., 0], np.asarray(face("contempt", 7)))
    with pytest.raises(UserError, match="row 8: emotion '7', expected 0 to 6"):
        DATASETS["fer2013"]().read(open_tree(path))


def test_a_table_of_fer2013_is_not_ck_plus(tmp_path):
    rows = [line for line in ck_plus_table().splitlines() if not line.startswith(b"7,")]
    path = write(tmp_path, {"faces.csv": b"\n".join(rows)}) / "faces.csv"
    assert recognise(open_tree(path))[0] == "fer2013"
    named = zipped(tmp_path / "ck.zip", {"CK/ckextended.csv": b"\n".join(rows)})
    assert recognise(open_tree(named)) == ("ck-plus", "CK+'s table, ck.zip: CK/ckextended.csv")


def test_contempt_is_left_out_where_it_is_said(tmp_path):
    table = write(tmp_path, {"ckextended.csv": ck_plus_table()}) / "ckextended.csv"
    images = cache.save("ck-plus", read(table, classes=parse_classes("common")))
    assert images.counts().tolist() == [3] * 7
    place = images.ids.tolist().index("row 9")
    np.testing.assert_array_equal(images.pixels[place, ..., 0], np.asarray(face("angry", 8)))
    draft = read(write(tmp_path / "x", ck_plus_files()), classes=parse_classes("contempt=-"))
    assert "contempt" not in draft.classes
    assert "left out by --classes: 12 contempt" in draft.remarks
    with pytest.raises(UserError, match=r"--size 96 is for image files: CK.'s table has 48x48 pixels"):
        read(table, size=96)


@pytest.mark.parametrize(
    "text", [b"8.0000000e+00", b"3.5", b"-1", b"happy", b"nan", b"", b"1\n2\n", b"1" + b" " * 200]
)
def test_a_label_out_of_range_is_named(tmp_path, text):
    path = write(tmp_path / "x", {**ck_plus_files(7), LABEL: text})
    with pytest.raises(UserError, match=r"x: Emotion/S000/.*_emotion.txt: .*, expected one number, 0 to 7"):
        read(path)


def test_a_sequence_that_is_not_there_is_left_out_and_named(tmp_path):
    files = ck_plus_files()
    path = write(tmp_path / "x", {name: data for name, data in files.items() if "s/S007/" not in name})
    assert read(path).skipped == ("S007_001_00000006_emotion.txt: fewer than 4 frames of its sequence",)
    labels = {name: data for name, data in files.items() if name.startswith("Emotion")}
    with pytest.raises(UserError, match="no images; expected cohn-kanade-images beside Emotion"):
        read(write(tmp_path / "y", labels))
    with pytest.raises(UserError, match=r"isn't CK.: expected CK.'s cohn-kanade-images and Emotion"):
        read(write(tmp_path / "z", {"a.txt": b""}))
    with pytest.raises(UserError, match=r"S001_001_00000001_emotion\.txt can't be read as text"):
        read(write(tmp_path / "w", {**files, "Emotion/S001_001_00000001_emotion.txt": b"\xff"}))
