"""How a study scales over workers, by simulation; a command, for which PostgreSQL must be installed.

python tests/support/scaling.py --workers 1 4 16 --cells 64 --seconds 60

Workers are real, and so are locks, result files and both stores, on PostgreSQL; a training is a sleep. Ideal
is what the sleeps alone take, shared evenly.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from servers import postgres
from stand_ins import NoNet, SleepingTraining, install_strategies
from tiny_study import tiny_study

from fer_bench.data.splits import split
from fer_bench.data.trial_data import TrialData
from fer_bench.datasets.base import open_dataset
from fer_bench.runner.context import WorkerContext
from fer_bench.runner.worker import take_cells
from fer_bench.storage.stores import open_stores
from fer_bench.study.plan import Plan, make_plan

RECIPE = {"image_size": 16, "phases": [{"trainable": "head", "epochs": 1}]}


def worker(
    plan: Plan, number: int, workers: int, data: TrialData, seconds: float, start: Barrier, ends: Queue
) -> None:
    """One worker: warms up on a cell of its own, waits for the others, takes cells, says when it ended."""
    stores = open_stores(plan)
    for tasks, pause in ((plan.tasks[number : number + 1], 0.0), (plan.tasks[workers:], seconds)):
        training = SleepingTraining(0.9 * pause, 1.1 * pause)
        context = WorkerContext(replace(plan, tasks=tasks), data, stores, lambda event: None, training)
        if pause:
            start.wait(600)
        failures = take_cells(context, NoNet())
    ends.put((time.monotonic(), training.slept, failures))


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


def simulate(folder: Path, workers: int, strategies: list[str], seconds: float) -> Figure:
    """Have workers do a study of these strategies in `folder`, on a PostgreSQL of its own.

    A cell of each worker, the first ones, is to warm up on; the others are timed.
    """
    study = folder / "scaling.yaml"
    study.write_text(tiny_study(recipe=RECIPE, strategies=strategies, trials=1, repeats=1, search={}))
    with postgres(folder) as address, environment(MLFLOW_TRACKING_URI=f"{address}/mlflow"):
        plan = make_plan(
            str(study), mlruns=folder / "mlruns", storage=f"{address}/optuna", keep_weights="none"
        )
        plan.results.mkdir(parents=True)
        open_stores(plan)
        images, spec = open_dataset(plan.spec.dataset), plan.spec
        data = TrialData.of(images, split(images, spec.split, *spec.samples))
        context = multiprocessing.get_context("spawn")
        start, ends = context.Barrier(workers + 1), context.Queue()
        shared = (workers, data, seconds, start, ends)
        processes = [
            context.Process(target=worker, args=(plan, number, *shared)) for number in range(workers)
        ]
        for process in processes:
            process.start()
        start.wait(600)
        begun = time.monotonic()
        ended = [ends.get() for _ in processes]
        for process in processes:
            process.join()
    assert not any(failures for *_, failures in ended), ended
    return Figure(workers, max(end for end, *_ in ended) - begun, sum(slept for _, slept, _ in ended))


@contextlib.contextmanager
def environment(**named: str) -> Iterator[None]:
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
    with tempfile.TemporaryDirectory() as plug_ins:
        names = ["none", *install_strategies(Path(plug_ins), max(chosen.workers) + chosen.cells - 1)]
        sys.path.insert(0, plug_ins)
        for workers in chosen.workers:
            with tempfile.TemporaryDirectory() as folder:
                figure = simulate(Path(folder), workers, names[: workers + chosen.cells], chosen.seconds)
            ideal = figure.slept / workers
            sys.stdout.write(f"{workers:7}  {figure.took:7.1f}  {ideal:7.1f}  {figure.efficiency:10.2f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
