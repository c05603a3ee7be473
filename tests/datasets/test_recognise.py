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


def test_what_is_nothing_known_is_told_with_what_was_seen(tmp_path):
    odd = write(tmp_path / "odd", {"a.xml": b"", "b.xml": b"", "c": b""})
    with pytest.raises(UserError, match=r"3 files \(2 .xml, 1 no ending; such as a.xml\), which is none"):
        recognise(open_tree(odd))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no files, which is none"):
        recognise(open_tree(tmp_path / "empty"))
