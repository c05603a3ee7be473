"""What an ONNX or LiteRT file says of its model beside the graph: names of classes, shape of the images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

CLASSES = "classes"  # a JSON list of names
IMAGE_SHAPE = "image_shape"  # a JSON list: height, width, channels
LARGEST_SIDE = 2048  # pixels that a model may ask for: a file from elsewhere may name any size
MOST_CLASSES = 1000


@dataclass(frozen=True)
class FileMetadata:
    """Names of the K classes, and (H, W, C) of the images that the model was trained on."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]

    def texts(self) -> dict[str, str]:
        """The same as texts by name, as a file holds them."""
        return {CLASSES: json.dumps(self.classes), IMAGE_SHAPE: json.dumps(self.shape)}


def read_metadata(texts: Mapping[str, str]) -> FileMetadata | None:
    """What a file's texts say; None where they are missing, or not what `export` writes."""
    try:
        classes, shape = (json.loads(texts[name]) for name in (CLASSES, IMAGE_SHAPE))
    except (KeyError, ValueError, RecursionError, TypeError):
        return None
    if not (isinstance(classes, list) and sound_classes(classes) and len(classes) <= MOST_CLASSES):
        return None
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape)):
        return None
    height, width, channels = shape
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE and channels in (1, 3)):
        return None
    return FileMetadata(tuple(classes), (height, width, channels))


def sound_classes(names: list[str] | tuple[str, ...]) -> bool:
    """Whether these can be the names of a model's classes: at least two, printable, each once."""
    printable = all(isinstance(name, str) and name and name.isprintable() for name in names)
    return printable and len(names) >= 2 and len(set(names)) == len(names)


def are_probabilities(found: np.ndarray, count: int, classes: int) -> bool:
    """Whether a model's outputs are float32 probabilities (count, classes) that add up to 1."""
    if found.shape != (count, classes) or found.dtype != np.float32:
        return False
    return bool(np.all(found >= 0) and np.allclose(found.sum(axis=1), 1, atol=1e-2))  # int8 rounds
