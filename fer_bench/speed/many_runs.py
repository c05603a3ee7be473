"""How long a leaderboard takes over many runs: a store of made-up ones, read and ranked."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

Named = tuple[str, str, str]  # key of a cell, its backbone, its strategy
STUDY = "many"
TRIALS, REPEATS = 16, 5  # of a cell, as in the budget `full`
STRATEGIES = 4
TEST = (491, 55, 528, 879, 626, 594, 416)  # FER-2013's PrivateTest, class by class
CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
PARAMETERS = 24  # logged by a run of the study `imbalance`
CURVES = 9  # values an epoch
CELLS = 240  # an experiment holds: they are listed in one of its tags, which MLflow cuts at 20,000 letters
SAMPLES = 8  # different files of predictions, shared out among the repeats


def measure(runs: int) -> dict[str, float]:
    """Seconds, after imports, of reading and of ranking and printing about `runs` counted runs.

    Keys: runs (as many as fill whole cells), read_seconds, table_seconds. The store is MLflow's on SQLite, in
    a temporary folder; its rows and files are what a study with 16 trials and 5 repeats a cell leaves on
    FER-2013's official split.
    """
    from rich.console import Console

    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.leaderboard.terminal import table
    from fer_bench.storage.logged_runs import read_study_runs

    with tempfile.TemporaryDirectory() as folder, _no_server():
        made = make_store(Path(folder), runs)
        begun = time.perf_counter()
        logged = read_study_runs(Path(folder), STUDY)
        read = time.perf_counter()
        frame = leaderboard(*logged)
        Console(file=io.StringIO(), width=160).print(table(frame))
        ranked = time.perf_counter()
    return {"runs": made, "read_seconds": read - begun, "table_seconds": ranked - read}


@contextmanager
def _no_server() -> Iterator[None]:
    """Without the user's MLflow server; and MLflow sets this variable itself when it opens a store."""
    given = os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        yield
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if given is not None:
            os.environ["MLFLOW_TRACKING_URI"] = given


def make_store(mlruns: Path, runs: int) -> int:
    """Fill an empty folder with a study of about `runs` counted runs; how many there are."""
    from fer_bench.storage.mlflow_client import create_store

    create_store(mlruns)
    files = [_predictions(number) for number in range(SAMPLES)]
    cells = max(1, round(runs / (TRIALS + REPEATS)))
    for first in range(0, cells, CELLS):
        numbers = range(first, min(first + CELLS, cells))
        _make_experiment(mlruns, f"budget_{first // CELLS}", [_cell(number) for number in numbers], files)
    return cells * (TRIALS + REPEATS)


def _make_experiment(mlruns: Path, budget: str, cells: list[Named], files: list[bytes]) -> None:
    from fer_bench.storage.tracking import Tracker

    tracker = Tracker(mlruns, f"{STUDY}-fer2013-{budget}")
    board = {
        "study": STUDY, "dataset": "fer2013", "data_fingerprint": "0" * 64, "split": "official",
        "budget": budget, "images": f"28697/3589/{sum(TEST)}", "trials": str(TRIALS),
    }  # fmt: skip
    planned = {key: f"{backbone}/{strategy} official r1" for key, backbone, strategy in cells}
    tracker.describe({**board, "cells": json.dumps(planned), "repeats": str(REPEATS)})
    folder = (mlruns / "artifacts" / tracker.experiment).resolve()
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as connection, connection:
        for number, (cell, kind, slot) in enumerate(_slots(cells)):
            run = f"{int(cell[0], 16):016x}{number:016x}"
            place = folder / run / "artifacts"
            start = 1_700_000_000_000 + number
            row = (run, run, "UNKNOWN", "me", "FINISHED", start, start, "active", place.as_uri(), tracker.id)
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
                " lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row,
            )  # fmt: skip
            _write(connection, run, {**board, **_tags(cell, kind, slot)}, _metrics(number, kind))
            if kind == "repeat":
                place.mkdir(parents=True)
                (place / "predictions.npz").write_bytes(files[number % SAMPLES])


def _cell(number: int) -> Named:
    """Key, backbone, strategy."""
    strategy = number % STRATEGIES
    return (
        f"{number:016x}",
        f"backbone_{number // STRATEGIES}",
        f"strategy_{strategy}" if strategy else "none",
    )


def _slots(cells: list[Named]) -> Iterator[tuple[Named, str, int]]:
    for cell in cells:
        yield from product([cell], ["trial"], range(TRIALS))
        yield from product([cell], ["repeat"], range(REPEATS))


def _tags(cell: Named, kind: str, slot: int) -> dict[str, str]:
    key, backbone, strategy = cell
    return {
        "cell": key, "backbone": backbone, "strategy": strategy, "recipe": "r1", "kind": kind,
        "slot": str(slot), "attempt": "1", "seed": str(slot), "shared_key": backbone, "commit": "0" * 12,
        "versions": "v" * 300, "device": "tensorflow, 2 CPU cores", "threads": "2", "weights": "none",
        "weights_hash": "", "warnings": "", "notes": "", "selects_on_test": "false",
        "honest_ceiling": "0.77", "effective_prior": "p" * 120, "counted": "true",
    }  # fmt: skip


def _metrics(number: int, kind: str) -> dict[str, float]:
    parts = ("val", "test", "test_dedup") if kind == "repeat" else ("val",)
    scores = ("accuracy", "macro_f1", "balanced_accuracy", "loss", *(f"f1/{name}" for name in CLASSES))
    facts = ("best_epoch", "steps", "train_seconds", "setup_seconds", "images_per_second", "parameters")
    drawn = np.random.default_rng(number).uniform(0.3, 0.5, len(parts) * len(scores)).tolist()
    scored = {f"{part}/{score}": drawn.pop() for part, score in product(parts, scores)}
    return scored | dict.fromkeys(facts, 100.0) | {f"train/{curve}": 0.5 for curve in range(CURVES)}


def _write(connection: Any, run: str, tags: dict[str, str], metrics: dict[str, float]) -> None:
    connection.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
        [(f"fer_bench.{key}", value, run) for key, value in tags.items()],
    )
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(f"recipe.{number}", "value", run) for number in range(PARAMETERS)],
    )
    connection.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
        " VALUES (?, ?, 1700000000000, 0, 0, ?)",
        [(key, value, run) for key, value in metrics.items()],
    )


def _predictions(seed: int) -> bytes:
    """A file of predictions as a repeat leaves it, on FER-2013's test images, four in ten of them wrong."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(TEST), dtype=np.int32), TEST)
    predicted = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(len(TEST), size=len(labels)))
    ids = np.array(
        [f"test/{CLASSES[label]}/PrivateTest_{10_000_000 + n}.jpg" for n, label in enumerate(labels)]
    )
    logits = rng.normal(size=(len(labels), len(TEST))).astype(np.float32)
    arrays = {"labels": labels, "ids": ids, "logits": logits, "predicted": predicted.astype(np.int32)}
    file = io.BytesIO()
    np.savez_compressed(
        file, allow_pickle=False, classes=np.array(CLASSES), test_groups=np.arange(len(labels)),
        test_dedup=np.arange(len(labels)) % 11 > 0,
        **{f"{part}_{name}": array for part in ("val", "test") for name, array in arrays.items()},
    )  # fmt: skip
    return file.getvalue()
