"""Where a number comes from: commit, versions, backend, device."""

from __future__ import annotations

import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NAMED = (
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


@cache
def commit() -> str:
    """Commit of the code that runs, with `-dirty` where it was changed since; "unknown" outside of git.

    A checkout is asked; an installed copy carries it in its version.
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
    found = re.search(r"\+g([0-9a-f]+)(\.d\d+)?", versions().get("fer-bench", ""))
    return found[1] + ("-dirty" if found[2] else "") if found else "unknown"


@cache
def versions() -> dict[str, str]:
    """Versions of what decides the numbers; what isn't installed is left out."""
    found = {"python": platform.python_version()}
    for name in NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def device() -> str:
    """Backend and device that Keras trains on, such as `tensorflow, 2 CPU cores` (loads Keras)."""
    import os

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
