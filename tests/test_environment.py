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


@pytest.mark.parametrize(
    ("flags", "device", "reason"),
    [
        ("avx2 avx512_bf16 fma", "cpu", "CPU has avx512_bf16"),
        ("amx_bf16 amx_tile", "cpu", "CPU has amx_bf16"),
        ("avx2 avx512f", None, "CPU has no bfloat16"),
        (None, None, "CPU has no bfloat16"),
    ],
)
def test_a_cpu_computes_in_bfloat16_where_linux_lists_it(tmp_path, flags, device, reason):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"model name\t: any\nflags\t\t: fpu {flags}\n")
    with machine_with_gpu(tmp_path, "", False):
        assert environment.bfloat16(cpuinfo) == environment.Bfloat16(device, reason)


def test_a_cpus_bfloat16_is_tensorflows_alone(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : avx512_bf16")
    with machine_with_gpu(tmp_path, "", False):
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        found = environment.bfloat16(cpuinfo)
    assert (found.device, found.reason) == (None, "CPU has avx512_bf16, which jax may not use")


@pytest.mark.parametrize(
    ("listed", "device"), [("8.9", "gpu"), ("7.5", None), ("8.0\n7.5", None), ("unknown field", None)]
)
def test_a_gpu_computes_in_bfloat16_from_compute_capability_8(tmp_path, listed, device):
    """The stand-in for nvidia-smi prints the same whatever it is asked; a line begins with GPU as well."""
    with machine_with_gpu(tmp_path, f"GPU 0: any\n{listed}", True):
        found = environment.bfloat16(tmp_path / "none")
    assert found.device == device
    assert found.reason == ("GPU has bfloat16" if device else "GPU has no bfloat16")


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
