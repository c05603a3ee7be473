"""A cell's kept repeat as a model file: rebuilt, written, logged in MLflow, compared with its run."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from fer_bench.backbones.base import BACKBONES
from fer_bench.errors import UserError, phrase
from fer_bench.evaluation.decisions import fit_ladder
from fer_bench.evaluation.metrics import scores
from fer_bench.inference.kept_repeat import KeptRepeat, find_kept_repeat
from fer_bench.inference.model_card import write_card
from fer_bench.inference.model_file import SUFFIXES, Format, ModelFile
from fer_bench.inference.model_writer import write
from fer_bench.inference.run_images import evenly, run_images
from fer_bench.inference.self_contained import affine, plain, self_contained, with_cosines
from fer_bench.storage.mlflow_model import ModelAbout, log_file, log_model
from fer_bench.strategies.logit_adjustment import log_prior
from fer_bench.training.net import Net

COMPARED = 64  # test images on which the file is compared with what the run predicted
CALIBRATED = 128  # validation images that say in which ranges activations lie
BATCH_SIZE = 64

OWN_RULE = "decided"


@dataclass(frozen=True, eq=False)
class Decision:
    """A rule by name and its parameter (T, tau or NaN): it decides by logits * scale + offset, each (K,)."""

    rule: str
    parameter: float
    scale: np.ndarray
    offset: np.ndarray

    def macro_f1(self, kept: KeptRepeat) -> float:
        """Macro-F1 of the test images of a repeat."""
        return scores(kept.labels, kept.logits * self.scale + self.offset, kept.classes)["macro_f1"]


@dataclass(frozen=True)
class Quantized:
    """What 8 bits change: macro-F1 of all test images by the file; bytes of the same model in float32.

    disagreeing: share of the test images of which the file says another class than in float32.
    """

    macro_f1: float
    bytes_before: int
    disagreeing: float


@dataclass(frozen=True, eq=False)
class Exported:
    """What was exported: the repeat, how it decides, its address in MLflow, and how far it is from the run.

    macro_f1: of the run's test images by that decision. difference: the largest from the run's probabilities,
    decided so, on up to 64 test images; None where these images are not on this machine. format: of the file;
    quantized: what its 8 bits change, None where it is in float32. earlier_card: the new name of a card that
    was there and may be edited by hand.
    """

    kept: KeptRepeat
    decision: Decision
    macro_f1: float
    address: str
    difference: float | None
    format: Format
    quantized: Quantized | None = None
    earlier_card: Path | None = None


def export(
    mlruns: Path,
    study: str,
    cell: str,
    board: Mapping[str, str | None],
    out: Path,
    rule: str = OWN_RULE,
    in_8_bits: bool = False,
) -> Exported:
    """Write a cell's kept repeat to `out`, in the format that its name tells, and log it with its run.

    `cell` and `board` are those of `find_kept_repeat`, `rule` one of `decision`. The net computes in
    float32 even where it was trained in bfloat16; with `in_8_bits`, not for .keras, in 8 bits. Raises
    UserError where `find_kept_repeat`, `decision`, `rebuild`, `write` or `quantize` does, where the file
    can't be written, and where it is written but can't be logged.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = find_kept_repeat(mlruns, study, cell, board, Path(folder))
        found = decision(kept, rule)
        model = rebuild(kept, found)
        quantized = None
        try:
            if in_8_bits:
                written, quantized = quantize(kept, found, model, out, Path(folder))
            else:
                written = write(model, out, Path(folder))
        except OSError as error:
            raise UserError(f"--out {out}: can't be written ({error.strerror or error})") from None
    address = _log(mlruns, kept, model, out)
    distance = difference(written, kept, found)
    kind = SUFFIXES[out.suffix]
    exported = Exported(kept, found, found.macro_f1(kept), address, distance, kind, quantized)
    return replace(exported, earlier_card=write_card(exported, out, mlruns))


def _log(mlruns: Path, kept: KeptRepeat, model: keras.Model, out: Path) -> str:
    """Log what was written with its run; its address in MLflow. Raises UserError where that fails."""
    kind = SUFFIXES[out.suffix]
    try:
        if kind == "litert":
            return log_file(mlruns, kept.record.run_id, out, kind)
        example = np.full((1, *kept.image_shape), 127.5, "float32")
        about = ModelAbout(example, kept.classes, requirements(kind))
        return log_model(mlruns, kept.record.run_id, model if kind == "keras" else out, about)
    except Exception as error:  # MLflow lets its stores' own errors through
        raise UserError(
            f"wrote {out}, but could not log it in MLflow ({_reason(error)}): may you write to its store?"
        ) from None


def decision(kept: KeptRepeat, rule: str) -> Decision:
    """How a kept repeat decides: by "decided", its strategy's own rule, or one of `fit_ladder`.

    Those of the ladder are fitted to the repeat's stored validation, as reports do it. Raises UserError for a
    strategy whose own rule can't be part of a model.
    """
    if rule == OWN_RULE:
        scale, offset = affine(kept.strategy, kept.class_counts)
        return Decision(rule, np.nan, scale, offset + kept.decision_offset)
    prior = log_prior(kept.class_counts)
    fitted = fit_ladder(kept.val_logits, kept.val_labels, prior).rules[rule]
    return Decision(rule, fitted.parameter, np.full(len(prior), 1 / fitted.temperature), fitted.offsets)


def rebuild(kept: KeptRepeat, decided: Decision) -> keras.Model:
    """Build the self-contained model of a kept repeat that decides so; see `self_contained`.

    Raises UserError for weights that are damaged or don't fit, and for a net or a strategy that Keras' own
    layers can't express.
    """
    net = trained_net(kept)
    if kept.strategy.head == "cosine":
        model = with_cosines(plain(net.features), net.classifier[0])
    else:
        model = plain(net.whole)
    affine = decided.scale, decided.offset
    return self_contained(
        model, kept.image_shape, kept.classes, *affine, kept.antialias, kept.recipe.test_views
    )


def trained_net(kept: KeptRepeat) -> Net:
    """Load the net as it was trained, in float32.

    Raises UserError for weights that are damaged or don't fit the backbone.
    """
    name = kept.record.backbone
    recipe = kept.recipe.model_copy(update={"precision": "float32"})
    net = Net(BACKBONES[name](), recipe, kept.image_shape[-1], len(kept.classes), None)
    try:
        net.whole.load_weights(kept.weights)
    except OSError as error:
        raise UserError(
            f"the kept weights of {name}, {kept.weights.name} of run {kept.record.run_id}, are damaged "
            f"({_reason(error)}): bring that file back from a copy, or train the cell again, with another "
            "--mlruns"
        ) from None
    except (ValueError, KeyError) as error:
        raise UserError(
            f"the weights of {name} don't fit it as it is now: was it changed since commit "
            f"{kept.record.commit}? ({_reason(error)})"
        ) from None
    return net


def _reason(error: Exception) -> str:
    """What an error says, on one line, without the SQL of a database's error."""
    return phrase(error).partition(" [SQL: ")[0]


def requirements(kind: Format) -> list[str]:
    """Packages that a process needs to run a model file, for pip."""
    runtime = ("keras", keras.backend.backend()) if kind == "keras" else ("onnx", "onnxruntime")
    return [f"{name}=={importlib.import_module(name).__version__}" for name in (*runtime, "numpy")]


def difference(written: ModelFile, kept: KeptRepeat, decided: Decision) -> float | None:
    """Largest difference from the run's probabilities on some test images; None where these aren't here."""
    from scipy.special import softmax

    compared = evenly(kept.ids, COMPARED)
    pixels = run_images(kept, kept.ids[compared])
    if pixels is None:
        return None
    expected = softmax(kept.logits[compared] * decided.scale + decided.offset, axis=1)
    return float(np.abs(written.probabilities(pixels, len(pixels)) - expected).max())


def quantize(
    kept: KeptRepeat, decided: Decision, model: keras.Model, out: Path, folder: Path
) -> tuple[ModelFile, Quantized]:
    """Write a model in 8 bits, calibrated on images of validation, and say what that costs on test.

    Raises UserError where the run's images are not on this machine, and as `write` does.
    """
    calibration = run_images(kept, kept.val_ids[evenly(kept.val_ids, CALIBRATED)])
    pixels = run_images(kept, kept.ids)
    if calibration is None or pixels is None:
        raise UserError(
            f"--quantize needs the images of {kept.record.board['dataset']} that the run had, to calibrate "
            "on validation and to say the loss on test: export on a machine that has them"
        )
    whole = folder / f"whole{out.suffix}"
    before = write(model, whole, folder)
    after = write(model, out, folder, calibration)
    found = _in_batches(after, pixels)
    disagreeing = found.argmax(axis=1) != _in_batches(before, pixels).argmax(axis=1)
    return after, Quantized(
        macro_f1=scores(kept.labels, np.log(np.maximum(found, 1e-12)), kept.classes)["macro_f1"],
        bytes_before=whole.stat().st_size,
        disagreeing=float(disagreeing.mean()),
    )


def _in_batches(model: ModelFile, pixels: np.ndarray) -> np.ndarray:
    """Probabilities (n, K) of pixels (n, H, W, C) uint8."""
    places = range(0, len(pixels), BATCH_SIZE)
    return np.concatenate([model.probabilities(pixels[i : i + BATCH_SIZE], BATCH_SIZE) for i in places])
