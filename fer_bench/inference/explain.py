"""Grad-CAM: which places of a picture speak for a class.

The derivative of a class's logit by a map of features says how much each feature at each place adds to it.
Times the map, summed over features, and where that is negative 0, it is a map of heat. Selvaraju et al.,
Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017.
https://arxiv.org/abs/1610.02391

Their derivative is averaged over places first. That is the same where a linear layer follows on the average
of the map, and the trunks here end in a map of 2 x 2 or 3 x 3 places, too few to show anything. Behind an
earlier map it is wrong, so nothing is averaged here: Draelos and Carin, Use HiResCAM instead of Grad-CAM for
faithful explanations, 2020. https://arxiv.org/abs/2011.08891

On drawn faces whose class is decided by the mouth alone, or by eyes and brows alone, 67 to 83 % of the heat
lay there so, by compact_cnn and mobilenet_v2; averaged, 41 to 78 %; from the last map, 45 to 88 %, and none
at all in 3 to 30 % of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image

from fer_bench.errors import UserError
from fer_bench.inference.heat_picture import Explained
from fer_bench.inference.keras_file import KerasFile
from fer_bench.inference.model_file import open_model
from fer_bench.inference.pictures import PictureReader, Unreadable
from fer_bench.training.backend import Tensor, gradient

LEAST_PLACES = 5  # of a map, along each side


class Explainer:
    """A model of `export` in two parts: from pixels to a map of features, and from there to logits.

    The map is the last one that has at least 5 places along each side, (B, h, w, d), and that all goes
    through: what lies before it matters through it alone. It is not the output of a layer that only pads.
    Where no such map is found in the net, it is the picture itself.
    """

    def __init__(self, opened: KerasFile) -> None:
        self.classes, self.shape = opened.classes, opened.shape
        pixels = keras.Input(self.shape)
        steps: list[_Step] = []
        _run(opened.model, pixels, steps)
        logits = steps[-1].inputs[0]  # of the softmax that every exported model ends in
        features = _last_map(steps, pixels)
        self._to_map = keras.Model(pixels, features)
        self._to_logits = keras.Model(features, logits)
        self.places: tuple[int, int] = tuple(features.shape[1:3])

    def __call__(
        self, pixels: np.ndarray, label: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities (n, K), the class that is explained (n,) and its heat (n, H, W) float32.

        pixels (n, H, W, C) uint8, label a class's number or None for each picture's likeliest. The heat of a
        picture is 1 where it is greatest, and 0 everywhere where nothing speaks for the class.
        """
        features = self._to_map(ops.convert_to_tensor(pixels.astype("float32")), training=False)
        logits = np.asarray(ops.convert_to_numpy(self._to_logits(features, training=False)))
        labels = logits.argmax(axis=1) if label is None else np.full(len(pixels), label)
        wanted = ops.convert_to_tensor(np.eye(len(self.classes), dtype="float32")[labels])

        def score(at: Tensor) -> Tensor:
            return ops.sum(self._to_logits(at, training=False) * wanted)

        heat = ops.relu(ops.sum(features * gradient(score, features), axis=-1))
        heat = heat[: len(pixels)]  # of several test views: of the pictures as they are
        probabilities = np.asarray(ops.convert_to_numpy(ops.softmax(logits)))
        heat = np.stack([self._enlarged(each) for each in np.asarray(ops.convert_to_numpy(heat))])
        return probabilities, labels, heat

    def _enlarged(self, heat: np.ndarray) -> np.ndarray:
        """Heat (h, w) of the places of the map as that of a picture's pixels (H, W), at most 1."""
        height, width, _ = self.shape
        large = Image.fromarray(heat.astype("float32")).resize((width, height), Image.Resampling.BILINEAR)
        values = np.clip(np.asarray(large), 0, None)
        return values / values.max() if values.max() > 0 else values


def explain_files(
    explainer: Explainer, files: Sequence[Path], name: str | None = None, detect: bool = True
) -> Iterator[Explained | Unreadable]:
    """Explain the class of this name, or the likeliest, in each file, in their order.

    `files` are those of `list_pictures`; with `detect`, the largest face in each is meant, as `PictureReader`
    has it.
    """
    reader = PictureReader(explainer.shape, detect)
    label = None if name is None else explainer.classes.index(name)
    for path in files:
        read = reader(path)
        if isinstance(read, Unreadable):
            yield read
            continue
        (picture,) = read  # of the largest face
        (probabilities,), (explained,), (heat,) = explainer(picture.pixels[None], label)
        by_class = {
            explainer.classes[k]: float(probabilities[k]) for k in np.argsort(-probabilities, kind="stable")
        }
        yield Explained(
            picture.file, picture.pixels, heat, explainer.classes[explained], by_class, picture.notes
        )


def open_explainer(path: Path) -> Explainer:
    """Open a model file to explain what it says.

    Raises UserError where `open_model` does, and for a file of a kind that has no gradients.
    """
    opened = open_model(path)
    if not isinstance(opened, KerasFile):
        raise UserError(
            f"{path}: explaining needs gradients, which such a file does not give; name the .keras file that "
            "fer-bench export writes of the same model"
        )
    return Explainer(opened)


class _Step:
    """One operation of a net as it was run: what went in and what came out."""

    def __init__(self, operation: keras.Operation, inputs: list[Tensor], output: Tensor) -> None:
        self.operation, self.inputs, self.output = operation, inputs, output

    @property
    def has_map(self) -> bool:
        """Whether a map of enough places comes out, and not only the same with a margin."""
        shape = getattr(self.output, "shape", ())
        if len(shape) != 4 or isinstance(self.operation, keras.layers.ZeroPadding2D):
            return False
        return None not in shape[1:] and min(shape[1:3]) >= LEAST_PLACES


def _run(model: keras.Model, pixels: Tensor, steps: list[_Step]) -> Tensor:
    """Run a model and those in it, operation by operation, and note each; a Sequential is one of them."""

    def call(operation: keras.Operation, *inputs: Tensor, **options: object) -> Tensor:
        if isinstance(operation, keras.Model) and not isinstance(operation, keras.Sequential):
            return _run(operation, inputs[0], steps)
        output = operation(*inputs, **options)
        given = [x for x in keras.tree.flatten((inputs, options)) if isinstance(x, keras.KerasTensor)]
        steps.append(_Step(operation, given, output))
        return output

    # Keras offers no other way to what models in a model compute on the way.
    return model._run_through_graph(pixels, operation_fn=lambda operation: operation, call_fn=call)


def _last_map(steps: Sequence[_Step], pixels: Tensor) -> Tensor:
    """The last map of enough places behind which nothing is used that came before it; else the pixels."""
    needed = {id(x) for x in steps[-1].inputs}  # by what lies behind, and made before
    for step in reversed(steps[:-1]):
        if step.has_map and needed == {id(step.output)}:
            return step.output
        needed -= {id(x) for x in keras.tree.flatten(step.output)}
        needed |= {id(x) for x in step.inputs}
    return pixels
