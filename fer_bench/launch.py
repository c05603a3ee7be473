"""Workers: each takes the cells that nobody works on, backbone by backbone.

A worker is a process of its own: Keras picks its backend and its device at first import, so the parent never
loads one, stays light, and outlives whatever happens to a worker.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import traceback
from collections.abc import Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_bench.errors import UserError
from fer_bench.plan import Plan, Task
from fer_bench.recovery import writable

if TYPE_CHECKING:
    from fer_bench.learner import Learner

Event = tuple[str, dict[str, Any]]
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


def run(plan: Plan) -> Iterator[Event]:
    """Run a plan in a worker and yield what it tells, such as ("result", facts).

    Ends with ("end", {"failures": [...], "busy": [...]}). Raises UserError where the worker does, or dies.
    """
    writable(plan.mlruns)
    writable(plan.results)
    context = multiprocessing.get_context("spawn")
    events: Queue[Event] = context.Queue()
    log = plan.results / f"worker-{os.getpid()}.log"
    worker = context.Process(target=_main, args=(plan, events, log), name="fer-bench worker")
    worker.start()
    try:
        yield from _listen(worker, events, log)
    finally:
        if worker.is_alive():
            worker.join(timeout=20)
        if worker.is_alive():
            worker.terminate()
            worker.join()
    log.unlink(missing_ok=True)


def _listen(worker: Any, events: Queue[Event], log: Path) -> Iterator[Event]:
    while True:
        try:
            event = events.get(timeout=1.0)
        except queue.Empty:
            if worker.is_alive():
                continue
            raise UserError(_obituary(worker.exitcode, log)) from None
        if event[0] == "user_error":
            raise UserError(event[1]["message"])
        if event[0] == "crash":
            raise UserError(f"the worker failed: {event[1]['message']}\nits log: {log}")
        yield event
        if event[0] == "end":
            return


def _obituary(exitcode: int | None, log: Path) -> str:
    how = (
        f"was killed by {signal.Signals(-exitcode).name}"
        if exitcode and exitcode < 0
        else f"ended with {exitcode}"
    )
    hint = " (out of memory?)" if exitcode == -signal.SIGKILL else ""
    return f"the worker {how}{hint}; its log: {log}; the same command goes on where it stopped"


def _main(plan: Plan, events: Queue[Event], log: Path) -> None:
    """A worker's life. What libraries write to standard output and error goes into its log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update({key: os.environ.get(key, value) for key, value in QUIET.items()})

    def report(event: str, **facts: Any) -> None:
        events.put((event, facts))

    try:
        work(plan, report)
    except UserError as error:
        report("user_error", message=str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:
        traceback.print_exc()
        report("crash", message=f"{type(error).__name__}: {error}")
    events.close()
    events.join_thread()


def work(plan: Plan, report: Any) -> None:
    """Open the stores, then bring every cell that is free to its planned slots."""
    report("loading")
    import keras  # noqa: F401  (first, so that the time it takes is not taken for the stores')

    from fer_bench.datasets.base import open_dataset
    from fer_bench.images import split
    from fer_bench.search import Book
    from fer_bench.tracking import Tracker, create_store
    from fer_bench.trial import TrialData
    from fer_bench.work import Bench, work_cell

    create_store(plan.mlruns)
    tracker = Tracker(plan.mlruns, plan.experiment)
    _describe(plan, tracker)
    images, spec = open_dataset(plan.spec.dataset), plan.spec
    if images.fingerprint != plan.fingerprint:
        raise UserError(f"dataset {spec.dataset} has changed since the plan was made; run again")
    data = TrialData.of(
        images, split(images, spec.split, spec.train_images, spec.val_images, spec.test_images)
    )
    bench = Bench(plan, data, tracker, Book(plan.mlruns, plan.storage), report)
    learners = _Learners(data)
    busy = []
    for task in plan.tasks:
        report("cell", cell=task.cell.name)
        state = work_cell(bench, task, lambda task=task: learners.of(task))  # type: ignore[misc]
        report("cell_end", cell=task.cell.name, state=state)
        if state == "busy":
            busy.append(task.cell.name)
    report("end", failures=bench.failures, busy=busy)


class _Learners:
    """The compiled backbone at hand; another one takes its place, and its memory."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._key: tuple[str, str] | None = None
        self._learner: Learner | None = None

    def of(self, task: Task) -> Learner:
        """Learner for a task's backbone and recipe."""
        from fer_bench.backbones.base import BACKBONES
        from fer_bench.learner import Learner, forget

        key = (task.cell.backbone, task.cell.recipe_hash)
        if self._learner is None or self._key != key:
            self._learner = None
            forget()
            backbone, data = BACKBONES[task.cell.backbone](), self._data
            self._key = key
            self._learner = Learner(
                backbone, task.cell.recipe, data.pixels, len(data.classes), task.weights.path
            )
        return self._learner


def _describe(plan: Plan, tracker: Any) -> None:
    """Write into the experiment what is planned, so that a leaderboard knows the cells not begun."""
    import json

    planned = {t.key: f"{t.cell.name} {plan.spec.split} {t.cell.recipe_hash}" for t in plan.tasks}
    replaced = {line.rpartition(" ")[0] for line in planned.values()}
    before: dict[str, str] = json.loads(tracker.description().get("cells", "{}"))
    cells = {key: line for key, line in before.items() if line.rpartition(" ")[0] not in replaced} | planned
    tracker.describe(
        {
            **plan.tags,
            "cells": json.dumps(cells),
            "trials": str(plan.trials),
            "repeats": str(plan.repeats),
        }
    )
