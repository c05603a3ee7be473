"""Datasets by name: registered, imported, unknown."""

import pytest
from image_files import class_files, import_folder, write

from fer_bench.datasets import base
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError

pytestmark = pytest.mark.usefixtures("workplace")


def test_unknown_name_is_answered_with_the_nearest_and_with_imported_ones(tmp_path):
    import_folder(write(tmp_path / "faces", class_files()), "my-faces")
    with pytest.raises(UserError, match=r"did you mean 'fer2013'.*my-faces"):
        open_dataset("fer2031")
    assert "my-faces" in base.known_datasets()
    assert open_dataset("my-faces").name == "my-faces"
    assert base.find_dataset("my-faces").honest_ceiling is None
