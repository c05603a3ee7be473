"""What `import fer_bench` offers to notebooks and scripts: plan, run, load images and models, predict.

Each function imports what it needs when it is called. `fer_bench.leaderboard` is the package of that name.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from fer_bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from fer_bench.data.images import FaceImages
    from fer_bench.inference.model_file import ModelFile
    from fer_bench.runner.events import Event
    from fer_bench.study.plan import Keep, Plan


class PlanOptions(TypedDict, total=False):
    """The options of `fer-bench run` that decide what is run; what is left out, or None, is the study's."""

    dataset: str | None
    split: str | None
    recipe: str | None  # the name of one of the study's recipes; by default all
    budget: str | None
    imbalance_ratio: float | None  # one of the study's, or another; by default all, as of label_noise
    label_noise: float | None
    backbones: Sequence[str] | None
    strategies: Sequence[str] | None
    trials: int | None
    repeats: int | None
    mlruns: str | Path
    storage: str | None
    keep_weights: Keep
    retry_failed: bool


def plan(study: str | Path, **options: Unpack[PlanOptions]) -> list[Plan]:
    """Plans of a study, one for each of its recipes and training sets; trains nothing.

    A plan says cells, data, weights and estimated hours.

    `study` is a name, such as imbalance, or the path of a YAML file. Options, each as of `fer-bench run`:

    - dataset, split, budget: others than the study's own;
    - recipe: the name of one of its recipes, by default all;
    - imbalance_ratio, label_noise: one of those that it lists for its training set, or another, by default
      all;
    - backbones, strategies: names, only these;
    - trials, repeats: how many of each cell;
    - mlruns: folder of the results, by default mlruns;
    - storage: address of an Optuna storage that several machines share;
    - keep_weights: "none", "one" (of each cell's median repeat, by default) or "all";
    - retry_failed: try again what failed before.

    Pretrained weights that are not on this machine are downloaded. Raises UserError where the study can't be
    run so, TypeError for another option.
    """
    from dataclasses import replace

    from fer_bench.registry import unknown
    from fer_bench.storage.databases import check_folder, check_storage
    from fer_bench.study.plan import make_plans

    for name in options.keys() - PlanOptions.__annotations__:
        raise TypeError(unknown("option", name, PlanOptions.__annotations__))
    mlruns, retry_failed = Path(options.pop("mlruns", "mlruns")), options.pop("retry_failed", False)
    check_folder(mlruns)
    check_storage(options.get("storage"))
    plans = make_plans(str(study), recipe_name=options.pop("recipe", None), mlruns=mlruns, **options)
    return [replace(each, retry_failed=retry_failed) for each in plans]


def run(
    study: str | Path | Sequence[Plan],
    *,
    workers: int | None = None,
    progress: bool = False,
    **options: Unpack[PlanOptions],
) -> pd.DataFrame:
    """Run a study, or go on with it, until all is done; returns the leaderboard of what was run.

    `study` and `options` are those of `plan`, or `study` is what `plan` returned. The leaderboard is the one
    of `fer_bench.leaderboard`, without what else was run of the study. A run may take days: `plan` estimates
    the hours. What is finished is never done again: after an interrupt the same call goes on. `workers` is
    the number of processes, by default one per GPU, else one. With `progress`, each result is a line on
    standard output; `fer_bench.runner.processes.run(plan)` yields events, for those who want more.

    Trials and repeats that failed are named in the column `warnings`, and a RuntimeWarning counts them.
    Raises UserError where the study can't be run so, or every worker died.

    Workers are processes that begin by importing the script that is running. In a script the call therefore
    belongs under `if __name__ == "__main__":`, else UserError is raised. A notebook needs no such line; but
    workers don't know a strategy or backbone that is defined in one: these belong in a module of their own.
    """
    _check_script()
    from fer_bench.leaderboard.in_mlflow import log_leaderboard
    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.storage.logged_runs import read_study_runs

    if isinstance(study, str | Path):
        plans = plan(study, **options)
    elif options:
        raise TypeError(f"{', '.join(options)}: options of `plan`, which made these plans")
    else:
        plans = list(study)
    if len({(each.study, each.mlruns) for each in plans}) != 1:
        raise ValueError("expected plans of one study in one folder mlruns, as `plan` returns them")
    failures = [failure for each in plans for failure in _run_plan(each, workers, progress)]
    if failures:
        warnings.warn(
            f"{len(failures)} failed, such as {failures[0]}; once the cause is mended, retry_failed=True "
            "tries them again",
            RuntimeWarning,
            stacklevel=2,
        )
    study, mlruns, experiments = plans[0].study, plans[0].mlruns, [each.experiment for each in plans]
    frame = leaderboard(*read_study_runs(mlruns, study, experiments))
    with suppress(Exception):  # it can be made anew, and a store that is away costs no run
        log_leaderboard(mlruns, study, experiments)
    return frame


def _run_plan(plan: Plan, workers: int | None, progress: bool) -> tuple[str, ...]:
    """Run one plan to its end; what failed, a line each."""
    from fer_bench.runner.events import Ended, WorkerDied
    from fer_bench.runner.processes import run as run_workers
    from fer_bench.runner.processes import visible_devices

    failures: tuple[str, ...] = ()
    _show(f"{plan.part}:" if plan.part and progress else "")
    with closing(run_workers(plan, visible_devices(workers))) as events:
        for event in events:
            _show(_line(event) if progress else "")
            if isinstance(event, WorkerDied):
                warnings.warn(event.message, RuntimeWarning, stacklevel=3)
            elif isinstance(event, Ended):
                failures = event.failures
    return failures


def _show(line: str) -> None:
    """Write a line of progress, if it isn't empty."""
    if line:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _line(event: Event) -> str:
    """An event as a line of progress; "" for one that is not shown."""
    from fer_bench.runner.events import Loading, SlotEnded

    if isinstance(event, Loading):
        return "loading Keras and opening the stores ..."
    if not isinstance(event, SlotEnded):
        return ""
    result = f"failed: {event.error}"
    if event.status == "complete":
        scores = {"val macro-F1": "val/macro_f1", "test macro-F1": "test/macro_f1"}
        shown = [f"{name} {event.scores[key]:.3f}" for name, key in scores.items() if key in event.scores]
        result = f"{', '.join(shown)} ({event.seconds:.1f} s)"
    return f"{event.cell} {event.kind} {event.slot}: {result}"


def _check_script() -> None:
    """Raise UserError in a script that would run again in each worker, which imports it."""
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    if script is None:  # a notebook, a prompt or `python -c`
        return
    if main.__spec__ and main.__spec__.name.endswith(".__main__"):  # `python -m package`, not imported again
        return
    if not Path(script).is_file() or "__name__" not in Path(script).read_text("utf-8", errors="replace"):
        raise UserError(
            f"{script}: fer_bench.run starts processes that import this script: put what it does under `if "
            '__name__ == "__main__":`'
        )


def load_images(dataset: str) -> FaceImages:
    """Open a dataset by name, such as synthetic or fer2013: pixels (N, H, W, C) uint8, labels, classes.

    Imported datasets are read-only memory maps. Raises UserError for a dataset that is unknown or not
    imported, telling how to get it.
    """
    from fer_bench.datasets.base import open_dataset

    return open_dataset(dataset)


def load_model(path: str | Path) -> ModelFile:
    """Open a model file that `fer-bench export` wrote: .keras, .onnx or .tflite; only the first loads Keras.

    Of a .keras file the Keras model is its attribute `model`: pictures (N, h, w, 1 or 3) in 0..255 ->
    probabilities (N, K). Raises UserError for any other file; a file from elsewhere can't run code of its
    own.
    """
    from fer_bench.inference.model_file import open_model

    return open_model(Path(path))


def predict(
    model: ModelFile,
    pictures: str | Path | Sequence[str | Path],
    *,
    detect: bool = True,
    faces: Literal["largest", "all"] = "largest",
    align: bool = False,
    every: float = 0.5,
) -> pd.DataFrame:
    """Predict the expression in each picture, and over the time of each video, in their order.

    `pictures` are files, videos among them, and folders that are searched for both: a row per picture, and of
    a video one for a frame each `every` seconds; with faces="all" a row per face. With `detect`, the largest
    face is cropped from what is clearly larger than the images that the model was trained on, or each face in
    it; with `align`, tilted heads are turned upright. Columns:

    - file; expression: the likeliest class; probability: its own, 0..1;
    - seconds, frame: where there are videos, when a frame is shown, and its number from 0;
    - faces: how many were found, missing where none was searched for; notes: what was done to the picture;
    - a column per class, named like it: its probability, 0..1;
    - face: the number of this face, the largest being 1; left, top, right, bottom: its box, in pixels of the
      upright picture; all missing where no face was found.

    A file that can't be read, or the rest of a video that breaks off, is a row with the reason in `notes` and
    nothing in the columns after `file`; a frame without a face has no expression. Warns where faces are
    searched for by Haar's cascade, as YuNet is missing. Raises UserError for what isn't there, and for a
    class named like one of the other columns.
    """
    import pandas as pd

    from fer_bench.inference.face_detector import why_haar
    from fer_bench.inference.inputs import count_videos, predict_inputs
    from fer_bench.inference.pictures import Unreadable, list_pictures
    from fer_bench.inference.video import Sampling

    names = [pictures] if isinstance(pictures, str | Path) else pictures
    files = list_pictures([str(name) for name in names])
    moment = {"seconds": "float64", "frame": "Int64"} if count_videos(files) else {}
    columns = ["file", *moment, "expression", "probability", "faces", "notes"]
    edges = ["left", "top", "right", "bottom"]
    if shared := sorted({*columns, "face", *edges} & {*model.classes}):
        raise UserError(f"classes named like columns of the table: {', '.join(shared)}")
    if detect and (reason := why_haar()):
        warnings.warn(f"faces are searched for by Haar's cascade: {reason}", RuntimeWarning, stacklevel=2)
    rows: list[dict[str, object]] = []
    for each in predict_inputs(model, files, Sampling(every), detect, faces, align):
        if isinstance(each, Unreadable):
            rows.append({"file": each.file, "notes": f"not read: {each.reason}"})
        else:
            row = each.row(model.classes)
            box = dict(zip(edges, row["box"] or (), strict=False))
            rows.append({**row, **row["probabilities"], **box, "notes": "; ".join(row["notes"])})
    types = dict.fromkeys(("probability", *model.classes), "float64") | moment
    types |= dict.fromkeys(("faces", "face", *edges), "Int64")
    return pd.DataFrame(rows, columns=[*columns, *model.classes, "face", *edges]).astype(types)
