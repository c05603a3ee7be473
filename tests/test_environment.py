import importlib
import subprocess
import sys

import pytest
from gpus import machine_with_gpu

from fer_bench import environment


@pytest.mark.parametrize(
    ("listed", "libraries", "usable", "reason"),
    [
        ("", True, False, "there is no GPU"),
        ("GPU 0: H100", True, True, "there is a GPU that tensorflow has libraries for"),
        ("GPU 0: H100", False, False, 'no libraries for the GPU (pip install "fer-bench[cuda]")'),
    ],
)
def test_a_gpu_counts_where_the_backend_has_libraries_for_it(tmp_path, listed, libraries, usable, reason):
    with machine_with_gpu(tmp_path, listed, libraries):
        found, why = environment.gpu()
    assert found is usable
    assert reason in why


def test_a_gpu_that_is_hidden_does_not_count(tmp_path, monkeypatch):
    with machine_with_gpu(tmp_path, "GPU 0: H100", True):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        assert environment.gpu() == (False, "CUDA_VISIBLE_DEVICES hides the GPU")


def test_asking_for_a_gpu_loads_no_backend():
    code = (
        "import sys; from fer_bench.environment import gpu; gpu(); "
        "print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_versions_of_what_decides_the_numbers_are_named():
    versions = environment.versions()
    assert {"python", "keras", "numpy", "optuna"} <= versions.keys()
    assert all(versions.values())


def test_a_change_of_a_module_changes_the_hash_of_the_code(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "plug_in_of_a_user.py"
    hashes = {environment.code()}
    for text in ("ONE = 1", "ONE = 2"):
        path.write_text(text)
        importlib.import_module(path.stem)
        environment.code.cache_clear()
        hashes.add(environment.code(path.stem))
    assert len(hashes) == 3
    assert environment.code("builtins") == environment.code(), "what has no file can't be looked at"
