"""Where a trunk's pretrained weights come from, and which exactly they are."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone
from fer_bench.errors import UserError, phrase

if TYPE_CHECKING:
    from keras import Model


@dataclass(frozen=True)
class Weights:
    """Weights that a trunk starts from: `origin` in words, `path` and `sha256` of its file, if any."""

    origin: str
    path: Path | None = None
    sha256: str = ""


class MissingWeights(UserError):
    """A backbone's pretrained weights can't be had here; the message is equal for all of one cause."""


def find_weights(backbone: str, wanted: str, may_download: bool = True) -> Weights:
    """Weights of a backbone: none, a file in $FER_BENCH_WEIGHTS, or Keras' download of ImageNet's.

    Where $FER_BENCH_WEIGHTS is set, `<trunk>.weights.h5` in it is used instead of the download. Unless
    `may_download`, weights still to be downloaded have neither path nor hash. Raises MissingWeights, also for
    a file that is cut short.
    """
    entry = BACKBONES[backbone]
    if wanted == "none":
        return Weights("none")
    if entry.download_name is None:
        raise MissingWeights(
            "there are no pretrained weights of it: `weights: none` in the recipe does without"
        )
    if folder := os.environ.get("FER_BENCH_WEIGHTS"):
        path = Path(folder) / f"{entry.trunk_name}.weights.h5"
        if not os.path.isdir(folder):
            raise MissingWeights(f"FER_BENCH_WEIGHTS names {folder}: expected a folder of <trunk>.weights.h5")
        if not os.path.isfile(path):
            raise MissingWeights(f"no {path.name} in the folder that FER_BENCH_WEIGHTS names, {folder}")
        return Weights(path.name, path, _sha256(path))
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models" / entry.download_name
    if not path.is_file():
        if not may_download:
            return Weights("imagenet, to be downloaded")
        download(backbone, path)
    return Weights("imagenet", path, _sha256(path))


def download(
    backbone: str, path: Path, run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
) -> None:
    """Let Keras download a trunk's ImageNet weights, in a process of its own; raises MissingWeights."""
    script = (
        "import sys; from fer_bench.backbones.base import BACKBONES; "
        "BACKBONES[sys.argv[1]]().trunk(224, weights='imagenet')"
    )
    command = [sys.executable, "-c", script, backbone]
    done = run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.is_file():
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingWeights(
            f"Keras could not download ImageNet weights ({reason.split(' -- ')[-1][-120:]}); "
            "without a network set FER_BENCH_WEIGHTS to a folder that holds <trunk>.weights.h5"
        )


@cache
def _sha256(path: Path) -> str:
    """SHA-256 of a weights file; raises MissingWeights now, not hours later, where it is cut short."""
    import h5py

    try:
        with h5py.File(path):
            return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = phrase(error, 150)
        raise MissingWeights(
            f"{path} is no whole HDF5 file ({reason}): remove it and fetch it again"
        ) from None


def load_trunk(backbone: Backbone, trunk: Model, path: Path) -> None:
    """Read pretrained weights into a backbone's trunk.

    Raises UserError if the file is broken or of another model.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of each layer, then raises
            backbone.load(trunk, path)
    except (OSError, ValueError, KeyError) as error:
        reason = phrase(error)
        raise UserError(
            f"{path}: expected weights of {trunk.name} without its top, {trunk.count_params():,} parameters; "
            f"got: {reason}"
        ) from None
