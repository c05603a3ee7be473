"""What a user's files are."""

import pytest
from image_files import class_files, fer2013_files, write, zipped

from fer_bench.data.archive import open_tree
from fer_bench.datasets.base import DATASETS, Dataset
from fer_bench.datasets.recognise import recognise
from fer_bench.errors import UserError


def test_a_dataset_comes_before_the_form_that_it_has(tmp_path):
    kaggle = zipped(tmp_path / "kaggle.zip", fer2013_files())
    assert recognise(open_tree(kaggle)) == ("fer2013", "FER-2013, Kaggle's image folders")
    mine = write(tmp_path / "mine", class_files())
    assert recognise(open_tree(mine)) == ("folder", "class folders, without a split")


def test_two_that_fit_are_both_named(tmp_path):
    class Twin(Dataset):
        def recognise(self, tree):
            return "a twin"

    kaggle = open_tree(write(tmp_path / "kaggle", fer2013_files()))
    with DATASETS.temporarily(twin=Twin), pytest.raises(UserError, match=r"fer2013: .*; twin: a twin\): say"):
        recognise(kaggle)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"a.xml": b"", "b.xml": b"", "c": b""},
            r"no images or table known, but 2 \.xml, 1 no ending \(such as a",
        ),
        ({}, "no files in it; known forms: class folders"),
        ({"0.png": b""}, "0.png lies in no class folder; expected CLASS/IMAGE"),
        (
            {"angry/a/0.png": b"", "sad/b/0.png": b""},
            r"different places, in angry and sad \(such as angry/a/0.png\)",
        ),
        (
            {"fer.zip": b"", "raf.tar.gz": b""},
            r"archives inside \(fer.zip, raf.tar.gz\): unpack them, or give one",
        ),
    ],
)
def test_what_is_nothing_known_is_told_with_what_was_seen(tmp_path, files, said):
    odd = write(tmp_path / "odd", files)
    odd.mkdir(exist_ok=True)
    with pytest.raises(UserError, match=said) as told:
        recognise(open_tree(odd))
    assert "known forms: class folders, CLASS/IMAGE" in str(told.value)
    assert "those of affectnet, ck-plus" in str(told.value)
    assert len(str(told.value)) < 500 + len(str(odd))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"file,label\n1,2\n", r"a table of no known dataset \(columns file, label\)"),
        (b"", "no columns that can be read"),
        (b"\xff\x00\xfe" * 90, "no columns that can be read"),
        (b"x" * 10**6, "no columns that can be read"),
        (b"x" * 10**4, r"\(columns x{200}\)"),
    ],
)
def test_a_table_of_something_else_is_told_by_its_columns(tmp_path, content, said):
    with pytest.raises(UserError, match=said):
        recognise(open_tree(write(tmp_path, {"x.csv": content}) / "x.csv"))
