"""What is measured, and the tables that show it: each figure beside what it is compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fer_bench.errors import UserError
from fer_bench.registry import unknown
from fer_bench.speed import (
    faces,
    many_runs,
    memory,
    overhead,
    prediction,
    short_trials,
    startup,
    study,
    training,
)
from fer_bench.speed.side_by_side import ContestantDied, Figure


@dataclass(frozen=True)
class Measurement:
    """A kind of measurement: `minutes` it takes on two CPU cores, and what its figures include."""

    title: str
    minutes: int
    measure: Callable[[], list[Figure]]
    explanation: str


MEASUREMENTS = {
    "training": Measurement(
        "Training", 15, training.measure,
        "Medians of rounds in turn, a process each, after one to warm up; ratio: median of the rounds' own. "
        "Counted are an epoch's steps, from its begin to the end of the last one, data included; not what "
        "Keras waits for tf.data's tuning thread after them. All nets have random weights, Adam, dropout. "
        "bare fit: random float32 tensors in memory, on the notebook's model, then on fer-bench's own net.",
    ),
    "cell": Measurement(
        "A cell of short trials", 10, short_trials.measure,
        "Trial by trial in turn from fresh processes, imports left out: model, tracing, one epoch with the "
        "trunk frozen, one with its last 30 layers, validation after each, all augmented. Median of 3 cells. "
        "Start: reset and the first step of each phase.",
    ),
    "study": Measurement(
        "Shared phases", 10, study.measure,
        "Trainings in turn, with shared phases and each whole, a process each, which builds its net once. "
        "The figure that is compared has its stages in it. Stages: in two more processes.",
    ),
    "predict": Measurement(
        "Prediction", 3, prediction.measure,
        "Medians of 5 rounds in turn over 7,178 drawn faces, a process each: JPEG files listed before, read, "
        "decoded and predicted; and the same faces as one array, in batches of 32, Keras' default.",
    ),
    "faces": Measurement(
        "Faces in group pictures", 1, faces.measure,
        "YuNet and Haar's cascade in turn, a process each: 15 pictures out of packages, which are to be "
        "fetched first, the noses of all faces marked by hand. Found: a box holds the nose. False: other "
        "boxes. Time: medians of 5 rounds, pictures in memory, shrunk to 800 pixels before.",
    ),
    "overhead": Measurement(
        "A trial beside its training", 1, overhead.measure,
        "Median of 15 slots: draw by Optuna, MLflow run with every epoch, scores of 3,589 images in every "
        "epoch, result file, both databases. Figures left out: trials have none.",
    ),
    "start": Measurement(
        "Commands that train nothing", 1, startup.measure,
        "Medians of 7 whole processes in turn. Limit: 0.5 s, or 40 bare interpreters where that is more.",
    ),
    "leaderboard": Measurement(
        "Leaderboard", 1, many_runs.measure,
        "Reading the store, ranking with intervals, printing; after imports. Once each.",
    ),
    "memory": Measurement(
        "Memory", 4, memory.measure,
        "Resident memory: sampled every 0.2 s and summed over the run's processes, shared pages counted for "
        "each; then in one process that trains a small net again and again.",
    ),
}  # fmt: skip


def run(
    names: Sequence[str], console: Console, measurements: Mapping[str, Measurement] = MEASUREMENTS
) -> None:
    """Take the measurements named, or all, and print the table of each as soon as it is there.

    Raises UserError for a name that isn't known.
    """
    for name in names:
        if name not in measurements:
            raise UserError(unknown("measurement", name, measurements))
    chosen = [measurement for name, measurement in measurements.items() if not names or name in names]
    console.print(
        f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f} (whatever else runs disturbs this); "
        f"about {sum(measurement.minutes for measurement in chosen)} min on two idle cores",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for measurement in chosen:
        console.print()
        try:
            console.print(table(measurement, measurement.measure()), highlight=False)
        except (ContestantDied, UserError) as error:
            console.print(f"[red]{measurement.title}: {escape(str(error))}[/red]", highlight=False)


def table(measurement: Measurement, figures: Sequence[Figure]) -> Table:
    """A row a figure: what, value, compared with, ratio, the ratio wanted, and whether it is met."""
    rows = Table(
        title=measurement.title, caption=measurement.explanation, title_justify="left",
        caption_justify="left", box=None, pad_edge=False,
    )  # fmt: skip
    for column in ("what", "figure", "compared with", "ratio", "wanted", ""):
        rows.add_column(column, justify="right" if column in ("figure", "ratio", "wanted") else "left")
    for figure in figures:
        rows.add_row(
            escape(figure.what),
            f"{_number(figure.value)} {figure.unit}",
            f"{escape(figure.against)}: {_number(figure.other)}",
            f"{figure.ratio:.3g}",
            _wanted(figure),
            {True: "[green]ok[/green]", False: "[red]missed[/red]", None: ""}[figure.met],
        )
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _wanted(figure: Figure) -> str:
    if figure.least is not None and figure.least == figure.most:
        return f"{figure.least:g}"
    if figure.least is not None:
        return f">= {figure.least:g}"
    return f"<= {figure.most:g}" if figure.most is not None else ""
