"""Every dataset meets the contract; a new one is met here without an edit, its `read` with a source below."""

import subprocess
import sys

import pytest
from annotated_sets import affectnet_files, ck_plus_files, expw_files, parquet_files
from ferplus_files import ferplus_rows, joined_files
from image_files import class_files, fer2013_files, write
from raf_db_files import author_files

from fer_bench.datasets import fer2013
from fer_bench.datasets.base import DATASETS
from fer_bench.testing import DatasetContract

SOURCES = {  # files to import, by the name of the dataset
    "affectnet": affectnet_files(),
    "ck-plus": ck_plus_files(42),
    "expw": expw_files(20),
    "fer2013": fer2013_files(),
    "folder": class_files(),
    "parquet": parquet_files(),
    "ferplus": joined_files(ferplus_rows()),
    "raf-db": author_files(),
    "fer-49779": {f"processed_data/{name}": data for name, data in class_files(fer2013.CLASSES).items()},
}


class TestEveryDataset(DatasetContract):
    @pytest.fixture(params=list(DATASETS))
    def registered(self, request):
        return request.param

    @pytest.fixture
    def source(self, registered, tmp_path):
        return write(tmp_path / "source", SOURCES[registered]) if registered in SOURCES else None


def test_looking_entries_up_imports_nothing_heavy():
    heavy = {
        "keras",
        "tensorflow",
        "jax",
        "mlflow",
        "optuna",
        "sklearn",
        "scipy",
        "matplotlib",
        "pandas",
        "pyarrow",
    }
    code = f"import sys, fer_bench.datasets.base as b; list(b.DATASETS); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
