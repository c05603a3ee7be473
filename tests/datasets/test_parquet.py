"""Parquet files as Hugging Face hands them out."""

import numpy as np
import pytest
from annotated_sets import encoded, face, parquet_file, parquet_files
from image_files import write, zipped

from fer_bench.data import cache
from fer_bench.data.archive import open_tree
from fer_bench.data.class_choice import parse_classes
from fer_bench.data.draft import ImportOptions
from fer_bench.data.splits import available_splits
from fer_bench.datasets import expw
from fer_bench.datasets.base import DATASETS
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")
ORDER = expw.CLASSES  # of fer2013.csv
SORTED = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def read(path, **options):
    return DATASETS["parquet"]().read(open_tree(path), ImportOptions(**options))


def one_file(folder, rows, columns=("image", "label"), **options):
    return write(folder / "x", {"train.parquet": parquet_file(rows, columns, **options)}) / "train.parquet"


def drawn(number=0, label="happy"):
    return encoded(face(label, number))


def test_names_come_from_the_schema_and_splits_from_the_files(tmp_path):
    path = write(tmp_path / "set", parquet_files())
    assert recognise(open_tree(path)) == ("parquet", "Parquet files: train, test")
    images = cache.save("mine", read(path))
    assert images.classes == SORTED
    assert images.counts(images.in_subset("train")).tolist() == [5] * 7
    assert images.counts(images.in_subset("test")).tolist() == [2] * 7
    assert images.pixels.shape == (49, 48, 48, 1)
    assert "union" in available_splits(images)
    place = images.ids.tolist().index("data/train-00000-of-00002.parquet, row 12")
    assert images.classes[images.labels[place]] == "sad"
    np.testing.assert_array_equal(images.pixels[place, ..., 0], np.asarray(face("sad", 10)))
    again = cache.save("zipped", read(zipped(tmp_path / "set.zip", parquet_files())))
    assert again.fingerprint == images.fingerprint


def test_images_are_bytes_and_labels_words(tmp_path):
    rows = [(drawn(i, label), label.title()) for i in range(2) for label in ORDER]
    images = cache.save("mine", read(one_file(tmp_path, rows, ("img_bytes", "labels"))))
    assert images.classes == tuple(label.title() for label in SORTED)
    assert images.counts().tolist() == [2] * 7


@pytest.mark.parametrize("names", [(), tuple("0123456")])
def test_numbers_without_names_need_them(tmp_path, names):
    rows = [(drawn(10 * i + k, label), k) for i in range(2) for k, label in enumerate(ORDER)]
    path = one_file(tmp_path, rows, names=names)
    with pytest.raises(
        UserError, match=r'numbers without names; .* --classes "0=\.\.\.,1=\.\.\.,.*order diff'
    ):
        read(path)
    with pytest.raises(UserError, match=r'--classes "1=\.\.\.,2='):
        read(path, classes=parse_classes("0=angry"))
    said = ",".join(f"{k}={label}" for k, label in enumerate(ORDER))
    draft = read(path, classes=parse_classes(said))
    assert draft.classes == SORTED
    assert [record.label for record in draft.records[:7]] == list(ORDER)


def test_rows_without_image_or_label_are_left_out_and_named(tmp_path):
    good = [({"bytes": drawn(i, label), "path": None}, k) for i in range(2) for k, label in enumerate(ORDER)]
    bad = [
        (None, 1),
        ({"bytes": None, "path": "a.jpg"}, 1),
        ({"bytes": drawn(), "path": None}, -1),
        ({"bytes": drawn(), "path": None}, None),
        ({"bytes": b"no image", "path": None}, 3),
        ({"bytes": drawn()[:90], "path": None}, 3),
    ]
    draft = read(one_file(tmp_path, [*good[:5], *bad, *good[5:]], names=ORDER))
    assert draft.skipped == (
        "train.parquet, row 6: no image",
        "train.parquet, row 7: no image",
        "train.parquet, row 8: no label",
        "train.parquet, row 9: no label",
        "train.parquet, row 10: not an image",
        "train.parquet, row 11: image file is truncated",
    )
    images = cache.save("mine", draft)
    assert len(images) == 14
    place = images.ids.tolist().index("train.parquet, row 20")
    np.testing.assert_array_equal(images.pixels[place, ..., 0], np.asarray(face("neutral", 1)))


@pytest.mark.parametrize(
    ("file", "subset"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/validation-00000-of-00001-0a1b2c.parquet", "val"),
        ("fer2013_valid.parquet", "val"),
        ("default/partial-train/0000.parquet", "train"),
        ("default/test/0000.parquet", "test"),
        ("tests/latest.parquet", "none"),
        ("0000.parquet", "none"),
    ],
)
def test_a_split_is_named_by_file_or_folder(tmp_path, file, subset):
    data = parquet_file([(drawn(i, label), label) for i, label in enumerate(ORDER)])
    draft = read(write(tmp_path / "x", {file: data}))
    assert {record.subset for record in draft.records} == {subset}


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    rows = [(drawn(i, label), i) for i, label in enumerate(ORDER)]
    first = parquet_file(rows, names=ORDER)
    path = write(tmp_path / "a", {"train.parquet": first, "more.parquet": first})
    with pytest.raises(UserError, match=r"train.parquet says which split it is, more.parquet doesn't"):
        read(path)
    other = parquet_file(rows, names=SORTED)
    path = write(tmp_path / "b", {"test.parquet": first, "train.parquet": other})
    with pytest.raises(UserError, match=r"b: train.parquet: its images or labels aren't of the form"):
        read(path)
    with pytest.raises(UserError, match=r"no file that ends in \.parquet"):
        read(write(tmp_path / "c", {"a.txt": b""}))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [("a.jpg", 1)],
            ("image", "label"),
            r"no column of images \(image text, label number\): expected one",
        ),
        ([([1, 2], 1)], ("image", "label"), r"no column of images \(image list<"),
        (
            [(b"1", "a")],
            ("image", "text"),
            r"no column of classes \(image bytes, text text\).*language models",
        ),
        ([(b"1", [1])], ("image", "label"), r"no column of classes \(image bytes, label list<"),
        ([(b"1", 1.5)], ("image", "label"), r"no column of classes \(image bytes, label double\)"),
        ([(b"1", b"2")], ("a", "b"), r"several columns of images \(a bytes, b bytes\)"),
        (
            [(b"1", f"A face, number {i}") for i in range(51)],
            ("image", "label"),
            r"51 different labels, such as",
        ),
    ],
)
def test_other_columns_are_refused_with_their_names(tmp_path, rows, columns, message):
    with pytest.raises(UserError, match=message):
        read(one_file(tmp_path, rows, columns))


@pytest.mark.parametrize("label", [7, -2])
def test_a_label_out_of_range_is_named(tmp_path, label):
    path = one_file(tmp_path, [(drawn(), 0), (drawn(), label)], names=ORDER)
    with pytest.raises(UserError, match=rf"train.parquet, row 2: label {label}, expected 0 to 6 \(angry, "):
        read(path)
