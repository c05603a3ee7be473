"""How long a leaderboard takes over many runs: a store of invented ones, read and ranked."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from fer_bench.speed.side_by_side import Figure, contest, limited
from fer_bench.storage.result_files import PREDICTIONS

STUDY = "many"
TRIALS, REPEATS = 16, 5  # of a cell, as in the budget `full`
STRATEGIES = 4
TEST = (491, 55, 528, 879, 626, 594, 416)  # images of FER-2013's PrivateTest, class by class
CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
PARAMETERS = 24  # logged by a run of the study `imbalance`
CURVES = 9  # values an epoch
CELLS = 240  # an experiment holds: they are listed in one of its tags, which MLflow cuts at 20,000 letters
SAMPLES = 8  # different files of predictions, shared out among the repeats
LIMITS = {1_000: 3.0, 10_000: 15.0}  # counted runs, and seconds that reading and ranking may take


def measure() -> list[Figure]:
    """Seconds of a leaderboard over many runs; neither imports nor the making of the runs are counted."""
    figures = []
    for runs, limit in LIMITS.items():
        (seconds,) = contest({"ours": partial(leaderboard, runs)}, 1, warm_up=0)["ours"]
        figures.append(limited(f"leaderboard over {runs:,} runs", seconds, "s", limit))
    return figures


def leaderboard(runs: int) -> Callable[[], float]:
    """A round makes a store of about `runs` counted runs; seconds of reading, ranking and printing them."""
    from rich.console import Console

    from fer_bench.leaderboard.ranking import leaderboard
    from fer_bench.leaderboard.terminal import table
    from fer_bench.storage.logged_runs import read_study_runs

    def play() -> float:
        with tempfile.TemporaryDirectory() as folder, _no_server():
            make_store(Path(folder), runs)
            begun = time.perf_counter()
            frame = leaderboard(*read_study_runs(Path(folder), STUDY))
            Console(file=io.StringIO(), width=160).print(table(frame))
            return time.perf_counter() - begun

    return play


@contextmanager
def _no_server() -> Iterator[None]:
    """Without the user's MLflow server; and MLflow sets this variable itself when it opens a store."""
    address = os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        yield
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if address is not None:
            os.environ["MLFLOW_TRACKING_URI"] = address


@dataclass(frozen=True)
class _Cell:
    key: str
    backbone: str
    strategy: str


def make_store(mlruns: Path, runs: int, trials: int = TRIALS, repeats: int = REPEATS) -> int:
    """Fill an empty folder with a study of about `runs` counted runs; returns how many there are.

    As many as fill whole cells, of `trials` and `repeats` each. The store is MLflow's on SQLite; its rows and
    files are what a study leaves on FER-2013's official split.
    """
    from fer_bench.storage.mlflow_client import create_store

    create_store(mlruns)
    files = [_predictions(number) for number in range(SAMPLES)]
    count = max(1, round(runs / (trials + repeats)))
    cells = [_cell(number) for number in range(count)]
    for first in range(0, count, CELLS):
        budget = f"budget_{first // CELLS}"
        _make_experiment(mlruns, budget, cells[first : first + CELLS], trials, repeats, files)
    return count * (trials + repeats)


def _cell(number: int) -> _Cell:
    backbone, strategy = divmod(number, STRATEGIES)
    return _Cell(f"{number:016x}", f"backbone_{backbone}", f"strategy_{strategy}" if strategy else "none")


def _make_experiment(
    mlruns: Path, budget: str, cells: list[_Cell], trials: int, repeats: int, files: list[bytes]
) -> None:
    from fer_bench.storage.tracking import Tracker

    tracker = Tracker(mlruns, f"{STUDY}-fer2013-{budget}")
    board = {
        "study": STUDY, "dataset": "fer2013", "data_fingerprint": "0" * 64, "split": "official",
        "budget": budget, "images": f"28697/3589/{sum(TEST)}", "trials": str(trials),
    }  # fmt: skip
    planned = {cell.key: f"{cell.backbone}/{cell.strategy} official r1" for cell in cells}
    tracker.describe({**board, "cells": json.dumps(planned), "repeats": str(repeats)})
    folder = (mlruns / "artifacts" / tracker.experiment).resolve()
    slots = [("trial", slot) for slot in range(trials)] + [("repeat", slot) for slot in range(repeats)]
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as connection, connection:
        for number, (cell, (kind, slot)) in enumerate(product(cells, slots)):
            run = f"{int(cell.key, 16):016x}{number:016x}"
            artifacts = folder / run / "artifacts"
            start = 1_700_000_000_000 + number
            row = (
                run, run, "UNKNOWN", "me", "FINISHED", start, start, "active", artifacts.as_uri(), tracker.id,
            )  # fmt: skip
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
                " lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row,
            )  # fmt: skip
            _write(connection, run, {**board, **_tags(cell, kind, slot)}, _metrics(number, kind))
            if kind == "repeat":
                artifacts.mkdir(parents=True)
                (artifacts / PREDICTIONS).write_bytes(files[number % SAMPLES])


def _tags(cell: _Cell, kind: str, slot: int) -> dict[str, str]:
    return {
        "cell": cell.key, "backbone": cell.backbone, "strategy": cell.strategy, "recipe": "r1", "kind": kind,
        "slot": str(slot), "attempt": "1", "seed": str(slot), "shared_key": cell.backbone, "commit": "0" * 12,
        "versions": "v" * 300, "device": "tensorflow, 2 CPU cores", "threads": "2", "weights": "none",
        "weights_hash": "", "warnings": "", "notes": "", "selects_on_test": "false",
        "honest_ceiling": "0.77", "effective_prior": "p" * 120, "counted": "true",
    }  # fmt: skip


def _metrics(number: int, kind: str) -> dict[str, float]:
    parts = ("val", "test", "test_dedup", "test_near_dedup") if kind == "repeat" else ("val",)
    scores = ("accuracy", "macro_f1", "balanced_accuracy", "loss", *(f"f1/{name}" for name in CLASSES))
    facts = ("best_epoch", "steps", "train_seconds", "setup_seconds", "images_per_second", "parameters")
    values = np.random.default_rng(number).uniform(0.3, 0.5, len(parts) * len(scores)).tolist()
    scored = {f"{part}/{score}": values.pop() for part, score in product(parts, scores)}
    return scored | dict.fromkeys(facts, 100.0) | {f"train/{curve}": 0.5 for curve in range(CURVES)}


def _write(connection: sqlite3.Connection, run: str, tags: dict[str, str], metrics: dict[str, float]) -> None:
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
        test_dedup=np.arange(len(labels)) % 11 > 0, test_near_dedup=np.arange(len(labels)) % 11 > 1,
        **{f"{part}_{name}": array for part in ("val", "test") for name, array in arrays.items()},
    )  # fmt: skip
    return file.getvalue()
