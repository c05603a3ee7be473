"""A cell's kept repeat as one self-contained Keras model: pictures of any size in, probabilities out."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.base import find_dataset
from fer_bench.errors import UserError, phrase
from fer_bench.files import atomic
from fer_bench.inference.kept_repeat import KeptRepeat, find_kept
from fer_bench.inference.model_file import DATA, LUMINANCE, ModelFile, layer_name, open_model
from fer_bench.storage.mlflow_model import log_model
from fer_bench.strategies.base import Strategy
from fer_bench.training.backend import BatchNormalization
from fer_bench.training.net import Net, VariableDropout, leaves

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601, as Pillow makes pictures grey
CHECKED = 64  # test images on which the file is compared with what the run predicted


@dataclass(frozen=True, eq=False)
class Exported:
    """What was exported: `address` of the model in MLflow, and how far the file is from the run.

    `difference` is the largest from the run's own probabilities on up to 64 test images; None where these
    images are not on this machine.
    """

    kept: KeptRepeat
    address: str
    difference: float | None


def export(mlruns: Path, study: str, cell: str, chosen: Mapping[str, str | None], out: Path) -> Exported:
    """Write a cell's kept repeat to `out`, a .keras file, and log it as a model of its run.

    The net computes in float32 even where it was trained in bfloat16. Raises UserError where `find_kept`
    does, for a net or a strategy that plain Keras can't express, where the file can't be written, and where
    it is written but can't be logged.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = find_kept(mlruns, study, cell, chosen, Path(folder))
        scale, offset = affine(kept.strategy, kept.class_counts)
        model = self_contained(plain(trained_net(kept)), kept.image_shape, kept.classes, scale, offset)
        try:
            written = write(model, out, Path(folder))
        except OSError as error:
            raise UserError(f"--out {out}: can't be written ({error.strerror or error})") from None
    example = np.full((1, *kept.image_shape), 127.5, "float32")
    try:
        address = log_model(mlruns, kept.record.run_id, model, example, kept.classes, requirements())
    except Exception as error:  # MLflow lets its stores' own errors through
        raise UserError(
            f"wrote {out}, but could not log it in MLflow ({_phrase(error)}): may you write to its store?"
        ) from None
    return Exported(kept, address, difference(written, kept))


def affine(strategy: Strategy, class_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset (K,) float64 such that `adjust_logits` of a strategy is z * scale + offset.

    Raises UserError for one that is not of this form.
    """
    zeros, ones = np.zeros((1, len(class_counts))), np.ones((1, len(class_counts)))
    offset = np.asarray(strategy.adjust_logits(zeros, class_counts), float)[0]
    scale = np.asarray(strategy.adjust_logits(ones, class_counts), float)[0] - offset
    probe = np.random.default_rng(0).normal(0, 5, (64, len(class_counts))).astype("float32")
    adjusted = strategy.adjust_logits(probe, class_counts)
    if not np.allclose(adjusted, probe * scale + offset, rtol=1e-4, atol=1e-4):
        raise UserError(
            f"{type(strategy).__name__}.adjust_logits does more than to scale and shift each class: it can't "
            "be part of an exported model"
        )
    return scale, offset


def trained_net(kept: KeptRepeat) -> Any:
    """The net as it was trained, pixels (B, S, S, C) -> logits (B, K), in float32."""
    name = kept.record.backbone
    recipe = kept.recipe.model_copy(update={"precision": "float32"})
    net = Net(BACKBONES[name](), recipe, kept.image_shape[-1], len(kept.classes), None)
    try:
        net.whole.load_weights(kept.weights)
    except OSError as error:
        raise UserError(
            f"the kept weights of {name}, {kept.weights.name} of run {kept.record.run_id}, are damaged "
            f"({_phrase(error)}): bring that file back from a copy, or train the cell again, with another "
            "--mlruns"
        ) from None
    except (ValueError, KeyError) as error:
        raise UserError(
            f"the weights of {name} don't fit it as it is now: was it changed since commit "
            f"{kept.record.commit}? ({_phrase(error)})"
        ) from None
    return net.whole


def _phrase(error: Exception) -> str:
    """The beginning of what an error says, on one line."""
    return phrase(error).partition(" [SQL: ")[0]


def plain(net: Any) -> Any:
    """The same model in layers of Keras' own alone; raises UserError for one with layers from elsewhere."""
    if foreign := sorted({type(layer).__name__ for layer in leaves(net) if not _known(layer)}):
        raise UserError(
            f"the backbone has layers of its own ({', '.join(foreign)}): plain Keras could not load the model"
        )
    made = keras.models.clone_model(net, clone_function=_plain, recursive=True)
    for trained, layer in zip(leaves(net), leaves(made), strict=True):
        if layer.weights:
            layer.set_weights(trained.get_weights())
    return made


def _known(layer: Any) -> bool:
    ours = isinstance(layer, BatchNormalization | VariableDropout)
    return ours or type(layer).__module__.split(".")[0] == "keras"


def _plain(layer: Any) -> Any:
    """The same layer, of Keras' own class where it is one of ours."""
    if isinstance(layer, BatchNormalization):
        return layers.BatchNormalization.from_config(layer.get_config())
    if isinstance(layer, VariableDropout):
        rate = float(ops.convert_to_numpy(layer.rate.value))
        return layers.Dropout(round(rate, 6), seed=0, name=layer.name)
    return type(layer).from_config(layer.get_config())


def self_contained(
    net: Any, shape: tuple[int, int, int], classes: Sequence[str], scale: np.ndarray, offset: np.ndarray
) -> Any:
    """Pictures (N, h, w, 1 or 3), 0..255, of any size -> probabilities (N, K) float32.

    They are brought to the `shape` (H, W, C) of the images that the net was trained on, without distortion,
    the centre kept, then interpolated as `PixelBank` does.
    """
    height, width, channels = shape
    size = net.input_shape[1]
    pictures = keras.Input((None, None, None), name="pictures")
    # Without antialias, which XLA can't compile: Keras could not predict on a GPU with TensorFlow.
    x = layers.Resizing(height, width, crop_to_aspect_ratio=True, name=DATA)(pictures)
    # Of grey three times over, and of RGB three times over, the first three channels are what is wanted.
    x = layers.Concatenate(name="thrice")([x, x, x])[..., :3]
    x = layers.Reshape((height, width, 3), name="rgb")(x)
    if channels == 1:
        # Red plus weighted differences from it: what is grey already stays as it is, to the last bit.
        red = x[..., :1]
        x = red + ops.sum(layers.Rescaling(LUMA, name=LUMINANCE)(x - red), axis=-1, keepdims=True)
    if (height, width) != (size, size):
        x = layers.Resizing(size, size, name="net_size")(x)
    z = net(x)
    if not (np.all(scale == 1) and np.all(offset == 0)):
        z = layers.Rescaling(scale.tolist(), offset.tolist(), name="adjusted_logits")(z)
    return keras.Model(pictures, layers.Softmax(name=layer_name(classes))(z), name="fer_bench")


def write(model: Any, out: Path, folder: Path) -> ModelFile:
    """Write a model file, whole or not at all, and give it as Keras reads it; `folder` is for a draft."""
    draft = folder / "model.keras"
    model.save(draft)
    written = open_model(draft)
    with atomic(out) as temporary:
        shutil.copyfile(draft, temporary)
    return written


def requirements() -> list[str]:
    """What a process needs to load the model, for pip."""
    backend = keras.backend.backend()
    versions = {"keras": keras.__version__, backend: importlib.import_module(backend).__version__}
    return [f"{name}=={version}" for name, version in {**versions, "numpy": np.__version__}.items()]


def difference(written: ModelFile, kept: KeptRepeat) -> float | None:
    """Largest difference from the run's probabilities on some of its test images, where they are at hand."""
    from scipy.special import softmax

    try:
        images = find_dataset(kept.record.board["dataset"]).load()
    except UserError:
        return None
    if images.fingerprint != kept.record.board["data_fingerprint"]:
        return None
    chosen = np.unique(np.linspace(0, len(kept.ids) - 1, CHECKED).astype(int))
    place = {str(name): i for i, name in enumerate(images.ids)}
    names = [str(name) for name in kept.ids[chosen]]
    if not place.keys() >= set(names):  # imported anew from files of other names
        return None
    pixels = images.pixels[[place[name] for name in names]]
    expected = softmax(kept.strategy.adjust_logits(kept.logits[chosen], kept.class_counts), axis=1)
    return float(np.abs(written.probabilities(pixels, len(pixels)) - expected).max())
