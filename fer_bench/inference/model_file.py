"""Model files that `export` writes: how they name their classes, and how one is opened without trust."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError

MARK = "classes"  # begins the name of the last layer, which holds the class names
DATA = "data_size"  # layer that brings pictures to the size of those that the net was trained on
LARGEST = 2048  # pixels of a side that a model may bring pictures to: a file from elsewhere may name any
LUMINANCE = "luminance"  # layer that makes pictures grey, for a net that was trained on grey ones


@dataclass(frozen=True)
class ModelFile:
    """A model that `export` wrote: pictures (N, h, w, 1 or 3) in 0..255 -> probabilities (N, K) float32.

    `shape` is (H, W, C) of the images that it was trained on; of this shape, pictures are taken as they are.
    """

    model: Any
    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    def probabilities(self, pixels: np.ndarray, batch: int) -> np.ndarray:
        """Probabilities (n, K) float32 of pixels (n, H, W, C) uint8, n at most `batch`.

        Padded to `batch`, so that however many come, one function is compiled.
        """
        padded = np.resize(pixels, (batch, *pixels.shape[1:]))
        return np.asarray(self.model.predict_on_batch(padded))[: len(pixels)]


def layer_name(classes: Sequence[str]) -> str:
    """Name of the last layer, such as classes.angry.disgust: it stays in the file whoever saves it again."""
    return ".".join([MARK, *map(_escaped, classes)])


def class_names(name: str) -> tuple[str, ...]:
    """Class names that a layer's name holds; none where it was not made by `layer_name`.

    Nor where one is empty, there twice or can't be printed, as in a file that someone has edited.
    """
    mark, *coded = name.split(".")
    try:
        names = tuple(re.sub("-([0-9a-f]+)-", lambda found: chr(int(found[1], 16)), each) for each in coded)
    except (OverflowError, ValueError):
        return ()
    sound = all(each and each.isprintable() for each in names) and len(set(names)) == len(names)
    return names if mark == MARK and sound else ()


def _escaped(name: str) -> str:
    """Letters and digits as they are, all else as -code-: TensorFlow takes few other characters."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"-{ord(c):x}-" for c in name)


def open_model(path: Path) -> ModelFile:
    """Open a model file with plain Keras, its safe mode on.

    Raises UserError for any other file, one that would run code of its own, and one that is not by `export`.
    """
    name = printable(str(path))
    _check_kind(path, name)
    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            if not str(path).endswith(".keras"):  # Keras goes by the name
                path = Path(shutil.copyfile(path, Path(folder) / "model.keras"))
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras' readers raise nearly anything on a file from elsewhere
        said = " ".join(str(error).split())
        if "safe_mode" in said:
            raise UserError(f"{name} would run code of its own when loaded: refused") from None
        raise UserError(f"{name} can't be loaded by plain Keras: {said[:200]}") from None
    found = _described(model)
    if found is None:
        raise UserError(
            f"{name} is a Keras model, but none by fer-bench export: expected class names in its last layer, "
            "each once, pictures of any size in, a probability for each class out"
        )
    return found


def _check_kind(path: Path, name: str) -> None:
    """Raise UserError for what holds no Keras model; `name` is the path as it may be printed."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no ordinary file"
            raise UserError(f"{name} is {what}: expected a model file by fer-bench export")
        with zipfile.ZipFile(path) as file:
            if "config.json" in file.namelist():
                return
    except FileNotFoundError:
        raise UserError(f"{name}: there is no such file; fer-bench export makes model files") from None
    except OSError as error:
        raise UserError(f"{name} can't be read: {error.strerror or error}; name a model file") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        pass
    raise UserError(f"{name} is no model file: expected a .keras file by fer-bench export")


def _described(model: Any) -> ModelFile | None:
    """The model with what its layers tell; None where it isn't one of ours."""
    try:
        classes = class_names(model.layers[-1].name)
        data = model.get_layer(DATA)
        shapes = tuple(model.input_shape), tuple(model.output_shape)
        height, width = data.height, data.width
        sides = [getattr(layer, side, 1) for layer in model.layers for side in ("height", "width")]
        sane = all(1 <= side <= LARGEST for side in sides)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    if not sane or len(classes) < 2 or shapes != ((None,) * 4, (None, len(classes))):
        return None
    grey = any(layer.name == LUMINANCE for layer in model.layers)
    return ModelFile(model, classes, (height, width, 1 if grey else 3))
