"""Worker processes on this machine: each takes the cells that nobody works on, until all are done.

A worker is a process of its own: Keras picks its backend and its device at first import, so the parent never
loads one, stays light, and outlives whatever happens to a worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Generator, Iterator
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fer_bench.environment import nvidia_gpus
from fer_bench.errors import UserError
from fer_bench.files import writable
from fer_bench.runner.events import Ended, Event, WorkerDied, WorkerRefused
from fer_bench.storage.databases import check_databases
from fer_bench.study.plan import Plan

if TYPE_CHECKING:
    from fer_bench.runner.context import TrainTrial

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
PATIENCE = 20.0  # seconds that a worker has to end in good order
INTERRUPTED = 130  # exit code


def run(
    plan: Plan, devices: tuple[str | None, ...] = (None,), train: TrainTrial | None = None
) -> Generator[Event]:
    """Run a plan in a worker per device and yield what they tell; the last event is Ended, with all failures.

    A device is a value for $CUDA_VISIBLE_DEVICES, or None for what the parent sees. `train`, a function that
    can be pickled, takes the place of `training.trial.run_trial`. Raises UserError where a worker does, or
    where all died.
    """
    writable(plan.mlruns)
    writable(plan.results)
    check_databases(plan.mlruns, plan.storage)
    pool = WorkerPool(plan, devices, train)
    try:
        yield from pool.listen()
    except BaseException:
        pool.stop()
        raise
    pool.leave()


class WorkerPool:
    """The worker processes of one command, and the queue that their events come through."""

    def __init__(self, plan: Plan, devices: tuple[str | None, ...], train: TrainTrial | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._events: Queue[Event] = context.Queue()
        self._logs = [plan.results / f"worker-{os.getpid()}-{number}.log" for number in range(len(devices))]
        self._done: set[int] = set()
        self._workers = [
            context.Process(
                target=_main,
                args=(plan, device, number, self._events, self._logs[number], train),
                name=f"fer-bench worker {number}",
            )
            for number, device in enumerate(devices)
        ]
        for worker in self._workers:
            worker.start()

    def listen(self) -> Iterator[Event]:
        """What the workers tell, until each has ended or died."""
        working = set(range(len(self._workers)))
        failures: set[str] = set()
        died: list[str] = []
        while working:
            event = self._next(working)
            match event:
                case None:
                    continue
                case WorkerRefused(message=message):
                    raise UserError(message)
                case Ended():
                    working.discard(event.worker)
                    self._done.add(event.worker)
                    failures |= set(event.failures)
                    continue
                case WorkerDied(message=message):
                    working.discard(event.worker)
                    died.append(message)
                    if len(died) == len(self._workers):
                        raise UserError("\n".join(died))
            yield event
        yield Ended(failures=tuple(sorted(failures)))

    def _next(self, working: set[int]) -> Event | None:
        """The next event; None where there is none for a second."""
        try:
            return self._events.get(timeout=1.0)
        except queue.Empty:
            for number in working:
                if not self._workers[number].is_alive():
                    message = _cause_of_death(self._workers[number].exitcode, self._logs[number])
                    return WorkerDied(worker=number, message=message)
        return None

    def stop(self) -> None:
        """Ask the workers to end, which marks their runs; a second interrupt ends them at once."""
        for worker in self._workers:
            if worker.is_alive():
                worker.terminate()
        try:
            for worker in self._workers:
                worker.join(timeout=PATIENCE)
        except KeyboardInterrupt:
            pass
        for worker in self._workers:
            if worker.is_alive():
                worker.kill()
                worker.join()

    def leave(self) -> None:
        """Wait until the workers are gone; remove the logs of those that ended well."""
        for number, worker in enumerate(self._workers):
            worker.join(timeout=PATIENCE)
            if worker.is_alive():
                worker.kill()
            if number in self._done:
                self._logs[number].unlink(missing_ok=True)


def _cause_of_death(exitcode: int | None, log: Path) -> str:
    how = f"ended with {exitcode}"
    if exitcode and exitcode < 0:
        how = f"was killed by {signal.Signals(-exitcode).name}"
    hint = " (out of memory?)" if exitcode == -signal.SIGKILL else ""
    return f"the worker {how}{hint}; its log: {log}; the same command goes on where it stopped"


def _main(
    plan: Plan, device: str | None, number: int, events: Queue[Event], log: Path, train: TrainTrial | None
) -> None:
    """A worker process; what libraries write to standard output and error goes into its log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C comes through the parent
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update({key: os.environ.get(key, value) for key, value in QUIET.items()})
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device

    def report(event: Event) -> None:
        events.put(replace(event, worker=number))

    from fer_bench.runner.worker import work

    try:
        report(Ended(failures=tuple(work(plan, report, train))))
    except UserError as error:
        report(WorkerRefused(message=str(error)))
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except BaseException as error:
        traceback.print_exc()
        report(WorkerDied(message=_failure(error, log)))
    events.close()
    events.join_thread()


def _failure(error: BaseException, log: Path) -> str:
    while error.__cause__:  # libraries wrap what the disk said in words of their own
        error = error.__cause__
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"the worker failed: {reason}\nits log: {log}; the same command goes on where it stopped"


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(INTERRUPTED)


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM, which schedulers send, as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def visible_devices(workers: int | None) -> tuple[str | None, ...]:
    """A value for $CUDA_VISIBLE_DEVICES per worker: by default one worker per GPU, or (None,) without one."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        chosen = ",".join(str(number) for number, _ in enumerate(nvidia_gpus()))
    devices: list[str | None] = [name for name in chosen.split(",") if name.strip()]
    devices = devices or [None]
    return tuple(devices[number % len(devices)] for number in range(workers or len(devices)))
