"""Keras files that `export` writes: how they store class names, and how an untrusted one is opened."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench.data.archive import printable
from fer_bench.errors import UserError, phrase
from fer_bench.inference.file_metadata import LARGEST_SIDE, sound_classes

if TYPE_CHECKING:
    import keras

CLASSES_PREFIX = "classes"  # begins the name of the last layer, which holds the class names
DATA_SIZE_LAYER = "data_size"  # brings pictures to the size of the images that the net was trained on
LUMINANCE_LAYER = "luminance"  # makes pictures grey, for a net that was trained on grey ones


@dataclass(frozen=True)
class KerasFile:
    """A model that `export` wrote: pictures (N, h, w, 1 or 3) in 0..255 -> probabilities (N, K) float32.

    `model` is the Keras model, `classes` are the names of its K classes. `shape` is (H, W, C) of the images
    that it was trained on; pictures of this shape are taken as they are.
    """

    model: keras.Model
    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    def probabilities(self, pixels: np.ndarray, batch_size: int) -> np.ndarray:
        """Probabilities (n, K) float32 of pixels (n, H, W, C) uint8, n at most `batch_size`.

        Pixels are padded to `batch_size`, so that one function is compiled, whatever n is.
        """
        padded = np.resize(pixels, (batch_size, *pixels.shape[1:]))
        return np.asarray(self.model.predict_on_batch(padded))[: len(pixels)]


def layer_name(classes: Sequence[str]) -> str:
    """Name of the last layer, such as classes.angry.disgust: it survives when Keras saves the model again."""
    return ".".join([CLASSES_PREFIX, *map(_escaped, classes)])


def class_names(name: str) -> tuple[str, ...]:
    """Class names from the name of a last layer; () for a name that `layer_name` did not make.

    Also () where a class name is empty, occurs twice or can't be printed, as in a file that was edited.
    """
    prefix, *escaped = name.split(".")
    try:
        names = tuple(re.sub("-([0-9a-f]+)-", lambda code: chr(int(code[1], 16)), each) for each in escaped)
    except (OverflowError, ValueError):
        return ()
    return names if prefix == CLASSES_PREFIX and sound_classes(names) else ()


def _escaped(name: str) -> str:
    """Letters and digits as they are, all else as -code-: TensorFlow takes few other characters."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"-{ord(c):x}-" for c in name)


def open_keras(path: Path) -> KerasFile:
    """Open a .keras file with plain Keras in safe mode, so that it can run no code of its own.

    Raises UserError for a file that Keras can't load or that would run code, for a model that `export` did
    not write, and for weights that are no finite numbers.
    """
    name = printable(str(path))
    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            if not str(path).endswith(".keras"):  # Keras goes by the name
                path = Path(shutil.copyfile(path, Path(folder) / "model.keras"))
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras' readers raise nearly anything on a file from elsewhere
        if "safe_mode" in str(error):
            raise UserError(f"{name} would run code of its own when loaded: refused") from None
        raise UserError(f"{name} can't be loaded by plain Keras: {phrase(error)}") from None
    opened = as_exported(model)
    if opened is None:
        raise UserError(
            f"{name} is a Keras model, but none by fer-bench export: expected class names in its last layer, "
            "each once, pictures of any size in, a probability for each class out"
        )
    if not all(np.isfinite(values).all() for values in model.get_weights()):
        raise UserError(f"{name} has weights that are no finite numbers: damaged? Export it again")
    return opened


def as_exported(model: keras.Model) -> KerasFile | None:
    """The model with what its layers say of classes and shape; None for one that `export` did not write."""
    try:
        classes = class_names(model.layers[-1].name)
        data_size = model.get_layer(DATA_SIZE_LAYER)
        height, width = data_size.height, data_size.width
        shapes = tuple(model.input_shape), tuple(model.output_shape)
        sides = [getattr(layer, side, 1) for layer in model.layers for side in ("height", "width")]
        sides_sound = all(1 <= side <= LARGEST_SIDE for side in sides)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    if not sides_sound or not classes or shapes != ((None,) * 4, (None, len(classes))):
        return None
    grey = any(layer.name == LUMINANCE_LAYER for layer in model.layers)
    return KerasFile(model, classes, (height, width, 1 if grey else 3))
