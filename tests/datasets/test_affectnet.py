"""AffectNet in its three forms."""

import numpy as np
import pytest
from annotated_sets import (
    AFFECTNET_COLUMNS,
    affectnet_files,
    affectnet_npy_files,
    encoded,
    face,
    npy,
)
from image_files import write, zipped

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits
from fer_bench.datasets import affectnet
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")
SORTED = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
LIST = "Manually_Annotated_file_lists/training.csv"


def read(path, **options):
    return DATASETS["affectnet"]().read(open_tree(path), ImportOptions(**options))


def counted(images):
    return {s: images.counts(images.in_subset(s)).tolist() for s in ("train", "val", "test", "none")}


def with_row(row):
    """The release of 2017 with one more row in its training list, the 36th."""
    files = affectnet_files()
    return {**files, LIST: files[LIST] + f"\n{row}".encode()}


def test_faces_of_2017_are_cut_out_and_validation_is_test(tmp_path):
    path = write(tmp_path / "affectnet", affectnet_files())
    words = "AffectNet's lists of 2017, training.csv and validation.csv"
    assert recognise(open_tree(path)) == ("affectnet", words)
    draft = read(path)
    assert draft.remarks[0] == "left out, without an expression: 2 none, 2 uncertain, 2 non-face"
    images = cache.save("affectnet", draft)
    assert images.classes == SORTED
    assert counted(images) == {"train": [4] * 8, "val": [0] * 8, "test": [2] * 8, "none": [0] * 8}
    assert images.notes == (affectnet.NO_TEST,)
    assert "union" in available_splits(images)
    assert "official" not in available_splits(images)
    place = images.ids.tolist().index("2/training1.png")
    assert images.classes[images.labels[place]] == "sad"
    assert images.pixels.shape == (48, 48, 48, 3)
    np.testing.assert_array_equal(images.pixels[place, ..., 0], np.asarray(face("sad", 18)))


@pytest.mark.parametrize("text", [True, False])
def test_annotations_are_text_or_numbers(tmp_path, text):
    path = zipped(tmp_path / "affectnet.zip", affectnet_npy_files(text=text))
    assert recognise(open_tree(path)) == ("affectnet", "AffectNet, images and .npy annotations")
    images = cache.save("affectnet", read(path))
    assert images.classes == SORTED
    assert counted(images) == {"train": [4] * 8, "val": [0] * 8, "test": [2] * 8, "none": [0] * 8}
    for k in (0, 9, 31):
        place = images.ids.tolist().index(f"train_set/{k}")
        assert images.classes[images.labels[place]] == affectnet.EXPRESSIONS[k % 8]


def test_numbered_folders_are_read_where_affectnet_is_said(tmp_path):
    files = {
        f"{subset}/{number}/{i}.png": encoded(face(label, i + 10 * len(subset)))
        for subset, count in (("train", 3), ("valid", 2))
        for number, label in enumerate(affectnet.EXPRESSIONS)
        for i in range(count)
    }
    path = write(tmp_path / "copy", files)
    assert recognise(open_tree(path))[0] == "folder"
    images = cache.save("affectnet", read(path, size=32))
    assert counted(images)["train"] == [3] * 8
    assert counted(images)["test"] == [2] * 8
    assert images.pixels.shape == (40, 32, 32, 1)
    assert images.classes[images.labels[images.ids.tolist().index("train/3/0.png")]] == "surprise"
    more = {name.replace("valid", "test"): data for name, data in files.items() if "valid" in name}
    images = cache.save("affectnet", read(write(tmp_path / "copy", more)))
    assert counted(images)["val"] == counted(images)["test"] == [2] * 8
    assert images.notes == (affectnet.OTHER_SPLIT,)
    with pytest.raises(UserError, match=r"folder '8' is none of AffectNet's classes, 0 to 7 or neutral"):
        read(write(tmp_path / "b", {"train/8/a.jpg": b""}))
    with pytest.raises(UserError, match="no images in"):
        read(write(tmp_path / "c", {"a.txt": b""}))


def test_contempt_is_left_out_where_it_is_said(tmp_path):
    draft = read(write(tmp_path / "x", affectnet_npy_files()), classes=parse_classes("common"))
    assert draft.classes == tuple(name for name in SORTED if name != "contempt")
    assert "left out by --classes: 6 contempt" in draft.remarks


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1/a.png,1,1,9,9,,11,0,0", "training.csv, row 36: expression '11', expected 0 to 10"),
        ("1/a.png,1,1,9,9,,happy,0,0", "row 36: expression 'happy'"),
        ("1/a.png,1,1,9,9,,-1,0,0", "row 36: expression '-1'"),
        ("1/a.png", "row 36: expression ''"),
    ],
)
def test_a_label_out_of_range_is_named(tmp_path, row, message):
    with pytest.raises(UserError, match=message):
        read(write(tmp_path / "x", with_row(row)))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("0/x.png,NULL,NULL,NULL,NULL,,1,0,0", "row 36: its box (NULL, NULL, NULL, NULL) isn't four numbers"),
        ("0/x.png,nan,0,9,9,,1,0,0", "row 36: its box (nan, 0, 9, 9) isn't four numbers"),
        ("0/x.png,1,1,-9,9,,1,0,0", "row 36: its box (1, 1, -9, 9) is empty"),
        ("0/training0.png,16,16,48,48,,1,0,0", "0/training0.png: named more than once"),
        ("0/gone.png,1,1,9,9,,1,0,0", "0/gone.png: named in the list, but not there"),
        ("../0/training0.png,1,1,9,9,,1,0,0", "../0/training0.png: named in the list, but not there"),
        ("..\\0\\training0.png,1,1,9,9,,1,0,0", "named in the list, but not there"),
        ("/etc/passwd,1,1,9,9,,1,0,0", "/etc/passwd: named in the list, but not there"),
        ("0/tr\ahing.png,1,1,9,9,,1,0,0", "0/tr\\x07hing.png: named in the list, but not there"),
    ],
)
def test_a_row_without_its_image_is_left_out_and_named(tmp_path, row, why):
    [skipped] = read(write(tmp_path / "x", with_row(row))).skipped
    assert why in skipped


def test_annotations_that_are_none_are_left_out_and_named(tmp_path):
    files = affectnet_npy_files()
    bad = {"90": npy([1, 2]), "91": npy("happy"), "92": npy(1.5), "93": b"\x93NUMPY", "94": npy([0] * 9999)}
    for number, data in bad.items():
        files[f"train_set/annotations/{number}_exp.npy"] = data
    files["train_set/annotations/95_exp.npy"] = npy("0")
    files["train_set/images/96.jpg"] = encoded(face("sad", 3))
    draft = read(write(tmp_path / "x", files))
    assert sorted(draft.skipped) == [
        "train_set/90: its annotation can't be used "
        "(holds 2 values of type int64, where one number was expected)",
        "train_set/91: its annotation can't be used (holds 'happy', where a whole number was expected)",
        "train_set/92: its annotation can't be used (holds '1.5', where a whole number was expected)",
        "train_set/93: its annotation can't be used (EOF: reading magic string, expected 8 bytes got 6)",
        "train_set/94: its annotation can't be used (80,120 bytes, where one number was expected)",
        "train_set/95: named in the list, but not there",
        "train_set/96: no annotation, 96_exp.npy",
    ]
    files["train_set/annotations/97_exp.npy"] = npy("11")
    with pytest.raises(UserError, match=r"97_exp.npy: expression '11', expected 0 to 10"):
        read(write(tmp_path / "x", files))


def test_lists_of_other_columns_are_not_affectnets(tmp_path):
    tree = open_tree(write(tmp_path / "x", {"training.csv": b"a,b\n1,2\n", "validation.csv": b"\xff\xfe"}))
    assert not DATASETS["affectnet"]().recognise(tree)
    with pytest.raises(UserError, match=r"training.csv isn't AffectNet: expected training.csv and"):
        read(tmp_path / "x" / "training.csv")
    cut = AFFECTNET_COLUMNS.replace("face_x,", "").encode()
    path = write(tmp_path / "y", {"training.csv": cut})
    assert recognise(open_tree(path))[0] == "affectnet"
    with pytest.raises(UserError, match=r"expected subDirectory_filePath, .*; face_x not found"):
        read(path)
    path = write(tmp_path / "z", {"training.csv": affectnet_files()[LIST]})
    with pytest.raises(UserError, match="none of the 32 images that its list names is there"):
        read(path)


def test_lists_of_uncut_images_beside_cut_ones_are_told(tmp_path):
    files = affectnet_files()
    for name in ("training", "validation"):
        list_ = f"Manually_Annotated_file_lists/{name}.csv"
        files[list_] = files[list_].replace(b",16,16,48,48,", b",134,134,899,899,")
    draft = read(write(tmp_path / "x", files))
    with pytest.raises(UserError, match=r"none of its 48 images .*first: 0/training0.png: its box"):
        draft.check(draft.records)
