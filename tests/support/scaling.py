"""How a study scales over workers, by simulation; a command, for which PostgreSQL must be installed.

python tests/support/scaling.py --workers 1 4 16 --cells 64 --seconds 60

Workers are real, and so are claims, result files and both stores, on PostgreSQL; a training is a sleep. Ideal
is what the sleeps alone take, shared evenly.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from postgres import postgres

from fer_bench.data.splits import split
from fer_bench.data.trial_data import TrialData
from fer_bench.datasets.base import open_dataset
from fer_bench.runner import cell
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.worker import take_cells
from fer_bench.storage.optuna_store import OptunaStore
from fer_bench.storage.tracking import Tracker
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.plan import Plan, make_plan
from fer_bench.training.outcome import Outcome

STUDY = """
dataset: synthetic
backbones: [compact_cnn]
strategies: [{strategies}]
trials: 1
repeats: 1
train_images: 200
val_images: 60
test_images: 80
recipe: {{image_size: 16, weights: none, augmentation: none, phases: [{{trainable: head, epochs: 1}}]}}
"""
SLOTS = 2  # of a cell


class Sleeper:
    """Stands in for the compiled backbones, and for one of them."""

    parameters = 0

    def __init__(self, plan: Plan) -> None:
        self.recipe = plan.spec.recipe

    def has(self, task: Any) -> bool:
        return True

    def of(self, task: Any) -> "Sleeper":
        return self


def sleeping(seconds: float, slept: list[float]) -> Any:
    """What takes the place of `run_trial`: as trainings do, sleeps differ, by up to a tenth."""

    def run_trial(trainer, strategy, settings, seed, data, *, test=False, on_epoch=lambda row: None):
        slept.append(seconds * random.uniform(0.9, 1.1))
        time.sleep(slept[-1])
        rng, classes = np.random.default_rng(seed), len(data.classes)
        row = dict.fromkeys(("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/macro_f1"), 0.5)
        row |= {"seconds": seconds, "phase": 0.0}
        on_epoch(row)
        logits = [rng.normal(size=(len(part), classes)).astype("float32") for part in (data.val, data.test)]
        return Outcome(logits[0], logits[1] if test else None, [row], 1)

    return run_trial


def strategies(cells: int) -> list[str]:
    """Names of as many strategies, all but `none` of no meaning."""
    names = ["none", *(f"s{number:02}" for number in range(cells - 1))]
    assert "none" in list(STRATEGIES)
    for name in names[1:]:
        STRATEGIES._entries.setdefault(name, dataclass(frozen=True)(type(name, (Strategy,), {})))
    return names


def worker(
    plan: Plan, place: int, workers: int, data: TrialData, seconds: float, gate: Any, ended: Any
) -> None:
    """One worker: warms up on a cell of its own, waits for the others, takes cells, says when it ended."""
    strategies(len(plan.tasks))
    tracker, book = Tracker(plan.mlruns, plan.experiment), OptunaStore(plan.mlruns, plan.storage)
    slept: list[float] = []
    for tasks, pause in ((plan.tasks[place : place + 1], 0.0), (plan.tasks[workers:], seconds)):
        cell.run_trial = sleeping(pause, slept)
        bench = WorkerContext(replace(plan, tasks=tasks), data, tracker, book, lambda event, **facts: None)
        if pause:
            gate.wait(600)
        take_cells(bench, Sleeper(plan))
    ended.put((time.monotonic(), sum(slept), bench.failures))


@dataclass
class Figure:
    """How long `workers` took, in seconds, for sleeps of `slept` seconds in all."""

    workers: int
    took: float
    slept: float

    @property
    def efficiency(self) -> float:
        """Ideal over actual time."""
        return self.slept / self.workers / self.took


def simulate(folder: Path, workers: int, cells: int, seconds: float) -> Figure:
    """Have workers do a study of `cells` cells in `folder`, on a PostgreSQL of its own."""
    study = folder / "scaling.yaml"
    study.write_text(STUDY.format(strategies=", ".join(strategies(workers + cells))))
    with postgres(folder) as address, environment(MLFLOW_TRACKING_URI=f"{address}/mlflow"):
        plan = make_plan(
            str(study), mlruns=folder / "mlruns", storage=f"{address}/optuna", keep_weights="none"
        )
        plan.results.mkdir(parents=True)
        Tracker(plan.mlruns, plan.experiment), OptunaStore(plan.mlruns, plan.storage)
        images, spec = open_dataset(plan.spec.dataset), plan.spec
        parts = split(images, spec.split, spec.train_images, spec.val_images, spec.test_images)
        data, context = TrialData.of(images, parts), multiprocessing.get_context("spawn")
        gate, ended = context.Barrier(workers + 1), context.Queue()
        shared = (workers, data, seconds, gate, ended)
        crew = [context.Process(target=worker, args=(plan, place, *shared)) for place in range(workers)]
        for each in crew:
            each.start()
        gate.wait(600)
        begun = time.monotonic()
        ends = [ended.get() for _ in crew]
        for each in crew:
            each.join()
    assert not any(failures for *_, failures in ends), ends
    return Figure(workers, max(end for end, *_ in ends) - begun, sum(slept for _, slept, _ in ends))


@contextlib.contextmanager
def environment(**named: str) -> Any:
    """Variables set for the block."""
    before = {name: os.environ.get(name) for name in named}
    os.environ.update(named)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def main() -> None:
    parser = argparse.ArgumentParser(description="How a study scales over workers, by simulation.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="what a training sleeps")
    chosen = parser.parse_args()
    sys.stdout.write("workers  seconds    ideal  efficiency\n")
    for workers in chosen.workers:
        with tempfile.TemporaryDirectory() as folder:
            found = simulate(Path(folder), workers, chosen.cells, chosen.seconds)
        ideal = found.slept / workers
        sys.stdout.write(f"{workers:7}  {found.took:7.1f}  {ideal:7.1f}  {found.efficiency:10.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
