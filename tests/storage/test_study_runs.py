import subprocess
import sys

import pytest
from small_results import small_results

from fer_bench.errors import UserError
from fer_bench.storage.bundle_writer import write_bundle
from fer_bench.storage.study_runs import read_runs


@pytest.fixture
def path(tmp_path):
    write_bundle(small_results(), "small", tmp_path / "results.zip")
    return tmp_path / "results.zip"


def test_a_bundle_needs_neither_stores_nor_data(path, tmp_path):
    statuses, repeats, trials = read_runs(tmp_path / "nowhere", None, path)
    assert (len(statuses), len(repeats), len(trials)) == (2, 4, 2)
    assert not (tmp_path / "nowhere").exists()


def test_a_bundle_of_another_study_is_one_line(path, tmp_path):
    assert len(read_runs(tmp_path, "small", path).repeats) == 4
    with pytest.raises(UserError, match="holds study 'small', not 'large': leave --study out"):
        read_runs(tmp_path, "large", path)


def test_without_a_study_it_is_imbalance(tmp_path):
    with pytest.raises(UserError, match="fer-bench run --study imbalance"):
        read_runs(tmp_path)


def test_reading_a_bundle_loads_none_of_the_libraries_that_train_and_log(path):
    code = (
        "import sys; from pathlib import Path; from fer_bench.storage.study_runs import read_runs\n"
        f"read_runs(Path('x'), None, Path({str(path)!r})).repeats[0].outputs()\n"
        "sys.exit(' '.join({'mlflow', 'optuna', 'keras', 'tensorflow'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
