import sys
import types
from pathlib import Path

import pytest

from fer_bench.data.kaggle import download
from fer_bench.errors import UserError


def kaggle_that(monkeypatch, dataset_download):
    """The one call to Kaggle that is made."""
    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))


def test_a_download_gives_its_folder(monkeypatch):
    kaggle_that(monkeypatch, lambda name: f"cache/{name}")
    assert download("owner/faces", "mine") == Path("cache/owner/faces")


@pytest.mark.parametrize(
    "error", [ConnectionError("no route\nto host"), PermissionError(), KeyError("token")]
)
def test_whatever_goes_wrong_is_one_line_with_the_way_by_hand(monkeypatch, error):
    def fails(name):
        raise error

    kaggle_that(monkeypatch, fails)
    with pytest.raises(UserError, match=type(error).__name__) as caught:
        download("owner/faces", "mine")
    said = str(caught.value)
    assert "https://www.kaggle.com/datasets/owner/faces" in said and "data import mine ZIP" in said
    assert "\n" not in said
