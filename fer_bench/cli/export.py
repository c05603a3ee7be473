"""`fer-bench export`: a model out of a study; nothing heavy is imported before it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fer_bench.cli.options import Mlruns, console
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.export import Exported

Rule = Literal["decided", "argmax", "temperature", "prior_shift", "tau", "bias"]
SUFFIX_OF = {"keras": ".keras", "onnx": ".onnx", "litert": ".tflite"}
ROUNDING = 1e-3  # a larger difference from the run's own probabilities is pointed out


def export(
    study: Annotated[str, typer.Option(help="Name of a study that was run.")],
    cell: Annotated[str, typer.Option(help="BACKBONE/STRATEGY.")],
    out: Annotated[Path, typer.Option(help="File to write, ending in .keras, .onnx or .tflite.")],
    mlruns: Mlruns = Path("mlruns"),
    dataset: Annotated[str | None, typer.Option(help="Where the study was run on several.")] = None,
    split: Annotated[str | None, typer.Option(help="Where it was run on several.")] = None,
    budget: Annotated[str | None, typer.Option(help="Where it was run with several.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Where it has several.")] = None,
    imbalance_ratio: Annotated[float | None, typer.Option(help="Where it has several.")] = None,
    label_noise: Annotated[float | None, typer.Option(help="Where it has several.")] = None,
    decision: Annotated[
        Rule, typer.Option(help="How it decides: as the strategy does, or by a rule fitted to validation.")
    ] = "decided",
    file_format: Annotated[
        Literal["keras", "onnx", "litert"] | None,
        typer.Option("--format", help="By default, what the file's name ends with."),
    ] = None,
    quantize: Annotated[
        Literal["int8"] | None, typer.Option(help="Smaller, by 8 bits; says what it costs. Not for keras.")
    ] = None,
) -> None:
    """Write the kept repeat of a cell as one model that needs no fer-bench; log it in MLflow, too.

    Pictures (N, height, width, 1 or 3) in 0..255 of any size in, a probability for each class out: resizing,
    preprocessing and the decision rule are inside. .onnx and .tflite files need no TensorFlow to predict.
    --decision temperature calibrates the probabilities; tau shifts them by the prior so that validation has
    the highest macro-F1.

    [bold]Example[/bold]

    fer-bench export --study imbalance --cell mobilenet_v2/oversampling --out model.keras

    fer-bench export --study imbalance --cell mobilenet_v2/none --out model.onnx --quantize int8
    """
    _check_format(out, file_format, quantize)
    _check_writable(out)
    load_keras()
    from fer_bench.inference.export import export as write_model
    from fer_bench.study.file import study_name

    board = {"dataset": dataset, "split": split, "budget": budget, "recipe": recipe}
    numbers = {"imbalance-ratio": imbalance_ratio, "label-noise": label_noise}
    board |= {name: None if number is None else f"{number:g}" for name, number in numbers.items()}
    exported = write_model(mlruns, study_name(study), cell, board, out, decision, quantize == "int8")
    _print_exported(out, exported)


def _check_format(out: Path, file_format: str | None, quantize: str | None) -> None:
    """Raise UserError where the file's name says no format, or another than was asked for."""
    if file_format and out.suffix != SUFFIX_OF[file_format]:
        suffix = SUFFIX_OF[file_format]
        raise UserError(f"--out {out}: with --format {file_format} expected a name that ends in {suffix}")
    if out.suffix not in SUFFIX_OF.values():
        raise UserError(f"--out {out}: expected a name that ends in .keras, .onnx or .tflite")
    if quantize and out.suffix == ".keras":
        raise UserError(
            f"--quantize {quantize}: not for .keras files; choose --out model.onnx or model.tflite"
        )


def _check_writable(out: Path) -> None:
    """Raise UserError, before anything takes time, where `out` can't be written."""
    try:
        if out.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: can't be written ({error.strerror}); name a file") from None


def _decided(exported: Exported) -> str:
    """How the model decides, where that isn't the strategy's own rule."""
    found = exported.decision
    if found.rule == "decided":
        return ""
    fitted = f" = {found.parameter:.2f}" if found.rule in ("temperature", "tau") else ""
    own = exported.kept.record.metrics["test/macro_f1"]
    return f" by {found.rule}{fitted}, fitted to validation ({own:.1%} by the strategy's own rule)"


def _in_8_bits(exported: Exported) -> str:
    if not exported.quantized:
        return ""
    return f"; {exported.quantized.bytes_before / 2**20:.1f} MB in float32"


def _compared(exported: Exported) -> str:
    """How near the file is to the run: its probabilities in float32, what 8 bits cost."""
    quantized = exported.quantized
    if quantized is None and exported.difference is None:
        return "  not compared with what the run predicted: its images are not here, or under other names"
    if quantized is None:
        return f"  its probabilities are those that the run predicted, to within {exported.difference:.1g}"
    points = 100 * (exported.macro_f1 - quantized.macro_f1)
    change = f"{abs(points):.1f} points {'gained' if points < -0.05 else 'lost'}"
    return (
        f"  in 8 bits: test macro-F1 {quantized.macro_f1:.1%}, {change}; another class than in float32 for "
        f"{quantized.disagreeing:.1%} of the test images"
    )


def _print_exported(out: Path, exported: Exported) -> None:
    """Print which model was written where, and how near its predictions are to the run's own."""
    from fer_bench.inference.model_card import card_file
    from fer_bench.study.variants import in_words

    kept = exported.kept
    board = kept.record.board
    words = {"dataset": "dataset", "split": "split", "budget": "budget", "recipe_name": "recipe"}
    shown = [f"{word} {board[name]}" for name, word in words.items() if board.get(name)]
    shown_board = ", ".join(filter(None, (*shown, in_words(board))))
    height, width, channels = kept.image_shape
    lines = [
        f"wrote {out} ({out.stat().st_size / 2**20:.1f} MB{_in_8_bits(exported)})",
        f"  {kept.record.backbone}/{kept.record.strategy}, {shown_board}: {kept.place}",
        f"  test macro-F1 {exported.macro_f1:.1%}{_decided(exported)}; classes: {', '.join(kept.classes)}",
        f"  trained on {width}x{height} {'grey' if channels == 1 else 'RGB'} images",
        f"  in MLflow: {exported.address}",
        f"  its model card: {card_file(out)} (README.md on the Hugging Face Hub)",
        _compared(exported),
    ]
    if exported.earlier_card:
        lines.append(f"  the card that was there, in other words: {exported.earlier_card}")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not exported.quantized and exported.difference is not None and exported.difference > ROUNDING:
        console.print(
            "[yellow]more than rounding: trained in bfloat16, or on another device? Else the backbone or the "
            f"strategy has changed since commit {kept.record.commit}[/yellow]",
            soft_wrap=True,
        )  # fmt: skip
