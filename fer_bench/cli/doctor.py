"""What fer-bench needs and finds on this machine, and what to do where something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.markup import escape
from rich.table import Table

from fer_bench import environment
from fer_bench.backbones.base import BACKBONES
from fer_bench.backbones.pretrained import MissingWeights, find_weights
from fer_bench.datasets.base import DATASETS, dataset_available, known_datasets, open_dataset
from fer_bench.errors import UserError
from fer_bench.storage.databases import check_folder, hide_password, no_runs_yet, tracking_uri

GOOD, ABSENT, BAD = "[green]ok[/green]", "[yellow]--[/yellow]", "[red]bad[/red]"
Finding = tuple[str, str, str]
"""One of these marks, what it is about, what was found."""


def examine(mlruns: Path) -> Table:
    """A table of findings: versions, backend and devices, machine, data, weights, stores."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for findings in (_versions(), _machine(), _data(), _weights(), _stores(mlruns)):
        for mark, subject, text in findings:
            table.add_row(mark, escape(subject), escape(text))
    return table


def _versions() -> Iterator[Finding]:
    versions = environment.versions()
    yield GOOD, "versions", ", ".join(f"{name} {number}" for name, number in versions.items())
    commit = environment.commit()
    yield GOOD if commit != "unknown" else ABSENT, "commit", commit


def _machine() -> Iterator[Finding]:
    script = "from fer_bench.environment import device; print(device())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield BAD, "backend", f"Keras can't start: {reason} (KERAS_BACKEND chooses tensorflow or jax)"
    else:
        yield GOOD, "backend", done.stdout.strip().splitlines()[-1]
    memory = psutil.virtual_memory()
    yield GOOD, "memory", f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"


def _data() -> Iterator[Finding]:
    for name in known_datasets():
        if not dataset_available(name):
            yield ABSENT, f"data {name}", f"not imported: {DATASETS[name].how}"
            continue
        try:
            images = open_dataset(name)
            images.check_intact()
        except UserError as error:
            yield BAD, f"data {name}", str(error)
        else:
            height, width = images.pixels.shape[1:3]
            size = f"{len(images):,} images of {width}x{height}"
            yield GOOD, f"data {name}", f"{size}, {images.fingerprint[:12]}"


def _weights() -> Iterator[Finding]:
    for name in BACKBONES:
        if BACKBONES[name].download_name is None:
            continue
        try:
            weights = find_weights(name, "imagenet", may_download=False)
        except MissingWeights as error:
            yield BAD, f"weights {name}", str(error)
        else:
            hint = "" if weights.path else "; or set FER_BENCH_WEIGHTS=DIR"
            mark = GOOD if weights.path else ABSENT
            yield mark, f"weights {name}", f"{weights.path or weights.origin}{hint}"


def _stores(mlruns: Path) -> Iterator[Finding]:
    try:
        check_folder(mlruns)
    except UserError as error:
        yield BAD, "results", str(error)
        return
    yield _mlflow(mlruns)
    if (mlruns / "optuna.db").exists():
        from fer_bench.storage.optuna_store import open_storage

        try:
            open_storage(mlruns, None)
        except UserError as error:
            yield BAD, "optuna", str(error)
        except OSError as error:
            yield (
                ABSENT,
                "optuna",
                f"{mlruns} can be read, not written ({error.strerror}): no run goes on there",
            )
        else:
            yield GOOD, "optuna", str(mlruns / "optuna.db")


def _mlflow(mlruns: Path) -> Finding:
    from fer_bench.storage.mlflow_client import experiment_names

    if no_runs_yet(mlruns):
        return ABSENT, "mlflow", f"{mlruns / 'mlflow.db'} will be made by the first run"
    try:
        names = [name for name, _ in experiment_names(mlruns).values()]
    except UserError as error:
        return BAD, "mlflow", str(error)
    address = hide_password(tracking_uri(mlruns))
    return GOOD, "mlflow", f"{address}: {', '.join(names) or 'no experiments yet'}"
