"""What a result was computed with: commit, versions, backend, device."""

from __future__ import annotations

import ctypes.util
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

PACKAGES = (  # whose versions decide the numbers
    "fer-bench",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "numpy",
    "scikit-learn",
    "imbalanced-learn",
    "optuna",
    "mlflow",
)
CUDA = {  # backend: modules one of which it needs on a GPU, and how to get them
    "tensorflow": (("nvidia.cudnn",), 'pip install "fer-bench[cuda]"'),
    "jax": (("jax_cuda12_plugin", "jax_cuda13_plugin"), 'pip install "jax[cuda12]"'),
}
CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # instructions, as Linux names them
GPU_BFLOAT16 = 8.0  # least compute capability


@cache
def commit() -> str:
    """Commit of the code that runs, with `-dirty` where it was changed since; "unknown" outside of git.

    In a checkout from git; of an installed copy from its version.
    """
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
        listed = subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", __file__],
            capture_output=True,
            check=False,
        )
        if listed.returncode == 0:
            return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    match = re.search(r"\+g([0-9a-f]+)(\.d\d+)?", versions().get("fer-bench", ""))
    return match[1] + ("-dirty" if match[2] else "") if match else "unknown"


@cache
def code(*modules: str) -> str:
    """Hash of the files of this package and of these loaded modules: it tells changes that no commit has."""
    others = (getattr(sys.modules[module], "__file__", None) for module in modules)
    files = {*Path(__file__).parent.rglob("*.py"), *(Path(file) for file in others if file)}
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers; one not installed is left out."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


@cache
def gpu() -> tuple[bool, str]:
    """Whether the backend can train on an NVIDIA GPU, and a clause that says why; loads no backend."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    if shutil.which("nvidia-smi") and shown.strip() in ("", "-1"):
        return False, "CUDA_VISIBLE_DEVICES hides the GPU"
    if not nvidia_gpus():
        return False, "there is no GPU"
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    modules, install = CUDA.get(backend, ((), ""))
    if any(map(_importable, modules)) or (backend == "tensorflow" and ctypes.util.find_library("cudnn")):
        return True, f"there is a GPU that {backend} has libraries for"
    return False, f"{backend} has no libraries for the GPU" + (f" ({install})" if install else "")


def nvidia_gpus() -> list[str]:
    """NVIDIA's GPUs in this machine, a line each, as nvidia-smi lists them; none without that tool."""
    return re.findall("^GPU.*", _nvidia_smi("-L"), re.MULTILINE)


def _nvidia_smi(*options: str) -> str:
    """What nvidia-smi prints; nothing where it fails or is not there."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ""
    done = subprocess.run([tool, *options], capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout


@dataclass(frozen=True)
class Bfloat16:
    """The device that trains here if it computes in bfloat16, else None, and a clause that says why."""

    device: Literal["gpu", "cpu"] | None
    reason: str


def bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> Bfloat16:
    """Whether training here can gain by bfloat16; loads no backend.

    A CPU counts where it has instructions for that and the backend is TensorFlow, which uses them; `cpuinfo`
    is the file in which Linux lists them.
    """
    if gpu()[0]:
        numbers = re.findall(
            r"^\d+\.\d+$", _nvidia_smi("--query-gpu=compute_cap", "--format=csv,noheader"), re.M
        )
        if numbers and min(map(float, numbers)) >= GPU_BFLOAT16:
            return Bfloat16("gpu", "GPU has bfloat16")
        return Bfloat16(None, "GPU has no bfloat16")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    if not (found := [flag for flag in CPU_BFLOAT16 if flag in flags]):
        return Bfloat16(None, "CPU has no bfloat16")
    if (backend := os.environ.get("KERAS_BACKEND", "tensorflow")) != "tensorflow":
        return Bfloat16(None, f"CPU has {found[0]}, which {backend} may not use")
    return Bfloat16("cpu", f"CPU has {found[0]}")


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it lies in
        return False


@cache
def device() -> str:
    """Backend and device that Keras trains on, such as `tensorflow, 2 CPU cores` (loads Keras)."""
    import keras

    backend = keras.backend.backend()
    accelerators: list[str] = []
    if backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            accelerators.append(tf.config.experimental.get_device_details(gpu).get("device_name", "gpu"))
    elif backend == "jax":
        import jax

        accelerators = [d.device_kind for d in jax.devices() if d.platform != "cpu"]
    return f"{backend}, {' + '.join(accelerators) or f'{os.cpu_count()} CPU cores'}"
