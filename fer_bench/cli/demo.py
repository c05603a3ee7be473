"""`fer-bench demo`: a model on a page of this machine; nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import gc
import signal
import tempfile
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fer_bench.cli.options import Mlruns, console
from fer_bench.cli.ports import check_free, check_port
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.model_file import ModelFile

GRADIO = (6, 31)  # the lowest version that the page is made for; another major one is another library
OWN = ("127.0.0.1", "localhost", "::1")
OTHERS = (
    "others on this network can open it, too: tell whoever is shown that a model reads their face (AI Act, "
    "Art. 50(3)); their browsers give it a camera by https only"
)


def demo(
    model: Annotated[
        Path | None,
        typer.Option(help="A file that fer-bench export wrote; by default the best kept model in --mlruns."),
    ] = None,
    mlruns: Mlruns = Path("mlruns"),
    port: Annotated[int, typer.Option(help="Port of the page.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to serve at; 0.0.0.0 lets others in.")] = "127.0.0.1",
) -> None:
    """Try a model on pictures and on your camera, on a page of this machine.

    Faces in a picture or a camera's frames get a box, their likeliest class and bars of all classes; those of
    the camera curves over time, too, which can be saved as CSV. Nothing is stored, and nothing is sent to
    another machine. Needs gradio, the extra demo.

    [bold]Examples[/bold]

    fer-bench demo

    fer-bench demo --model model.keras --port 8000
    """
    check_port(port)
    _check_gradio()
    check_free(port, host)
    opened, about = _opened(model) if model else _best(mlruns)
    from fer_bench.inference.demo.private_gradio import private_gradio
    from fer_bench.inference.face_detector import FaceDetector
    from fer_bench.inference.face_reader import FaceReader

    reader = FaceReader(opened, FaceDetector())
    reader.warm_up()
    with private_gradio(host) as folder:
        from fer_bench.inference.demo.page import serving

        with serving(reader, about, host, port, folder):
            shown = f"[{host}]" if ":" in host else host
            lines = [about, f"  http://{shown}:{port}", *([] if host in OWN else [OTHERS]), "Ctrl-C ends it"]
            console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
            _wait()


def _check_gradio() -> None:
    """Raise UserError where the page's library is missing, or is another version of it."""
    try:
        found = version("gradio")
    except PackageNotFoundError:
        found = ""
    major, least = GRADIO
    numbers = [int(part) if part.isdigit() else 0 for part in found.split(".")[:2]]
    if numbers[0] != major or numbers < list(GRADIO):
        problem = f"gradio {found} is here" if found else "gradio isn't installed"
        raise UserError(
            f"{problem}, expected version {major}.{least} or later of {major}, the extra demo of fer-bench: "
            f'pip install "gradio>={major}.{least},<{major + 1}"'
        )


def _say_loading() -> None:
    console.print("loading the model and the page ...", markup=False)


def _opened(model: Path) -> tuple[ModelFile, str]:
    from fer_bench.inference.model_file import format_of, open_model

    kind = format_of(model)
    _say_loading()
    if kind == "keras":
        load_keras()
    opened = open_model(model)
    return opened, f"Model {model.name}: {', '.join(opened.classes)}"


def _best(mlruns: Path) -> tuple[ModelFile, str]:
    """The best kept model, rebuilt from its weights, and a line on which one it is."""
    load_keras()
    from fer_bench.inference.export import decision, rebuild, write
    from fer_bench.inference.kept_repeat import find_best_repeat

    with tempfile.TemporaryDirectory() as folder:
        kept = find_best_repeat(mlruns, Path(folder))
        _say_loading()
        model = rebuild(kept, decision(kept, "decided"))
        opened = write(model, Path(folder, "best.keras"), Path(folder))
    record, dataset = kept.record, kept.record.board["dataset"]
    trained = "on drawn faces only: don't expect sense" if dataset == "synthetic" else f"on {dataset}"
    score = record.metrics["val/macro_f1"]
    return opened, f"Model {record.backbone}/{record.strategy}, {kept.place} ({score:.1%}), trained {trained}"


def _wait() -> None:
    """Return when the user ends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    gc.freeze()  # else Python looks through all that is loaded as it ends, for seconds
