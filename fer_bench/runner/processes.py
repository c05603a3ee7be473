"""Workers: each takes the cells that nobody works on, until all are done.

A worker is a process of its own: Keras picks its backend and its device at first import, so the parent never
loads one, stays light, and outlives whatever happens to a worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import traceback
from collections.abc import Generator, Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from fer_bench.errors import UserError
from fer_bench.files import writable
from fer_bench.storage.databases import probe, refusal
from fer_bench.study.plan import Plan

Event = tuple[str, dict[str, Any]]
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
PATIENCE = 20.0  # seconds that a worker has to end in good order
INTERRUPTED = 130


def run(plan: Plan, devices: tuple[str | None, ...] = (None,)) -> Generator[Event]:
    """Run a plan in a worker per device and yield what they tell, such as ("result", facts).

    A device is a value for $CUDA_VISIBLE_DEVICES, or None for what the parent sees. Facts hold the worker's
    number. Ends with ("end", {"failures": [...]}). Raises UserError where a worker does, or where all died.
    """
    writable(plan.mlruns)
    writable(plan.results)
    check_stores(plan)
    crew = WorkerPool(plan, devices)
    try:
        yield from crew.listen()
    except BaseException:
        crew.stop()
        raise
    crew.leave()


def check_stores(plan: Plan) -> None:
    """Raise UserError, before Keras is loaded, where a database file isn't one."""
    mlflow = os.environ.get("MLFLOW_TRACKING_URI")
    stores = {"MLflow store": mlflow, "Optuna storage": plan.storage}
    for (kind, url), name in zip(stores.items(), ("mlflow.db", "optuna.db"), strict=True):
        address = url or f"sqlite:///{(plan.mlruns / name).resolve()}"
        try:
            probe(address)
        except (OSError, sqlite3.Error) as error:
            raise refusal(kind, address, error) from None


class WorkerPool:
    """The worker processes of one command, and the queue that they tell their news on."""

    def __init__(self, plan: Plan, devices: tuple[str | None, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self._events: Queue[Event] = context.Queue()
        self._logs = [plan.results / f"worker-{os.getpid()}-{place}.log" for place in range(len(devices))]
        self._workers: list[Any] = []
        self._done: set[int] = set()
        for place, device in enumerate(devices):
            arguments = (plan, device, place, self._events, self._logs[place])
            worker = context.Process(target=_main, args=arguments, name=f"fer-bench worker {place}")
            worker.start()
            self._workers.append(worker)

    def listen(self) -> Iterator[Event]:
        """What the workers tell, until each has ended or died."""
        working, failures, died = set(range(len(self._workers))), set(), []
        while working:
            name, facts = self._next(working)
            if name == "user_error":
                raise UserError(facts["message"])
            if name in ("end", "died"):
                working.discard(facts["worker"])
            if name == "end":
                self._done.add(facts["worker"])
                failures |= set(facts["failures"])
                continue
            if name == "died":
                died.append(facts["message"])
                if len(died) == len(self._workers):
                    raise UserError("\n".join(died))
            if name:
                yield name, facts
        yield "end", {"failures": sorted(failures)}

    def _next(self, working: set[int]) -> Event:
        """The next event; ("", {}) where there is none for a second."""
        try:
            return self._events.get(timeout=1.0)
        except queue.Empty:
            for place in working:
                if not self._workers[place].is_alive():
                    message = _obituary(self._workers[place].exitcode, self._logs[place])
                    return "died", {"worker": place, "message": message}
        return "", {}

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
        """Wait until the workers are gone; the logs of those that had done their work go."""
        for place, worker in enumerate(self._workers):
            worker.join(timeout=PATIENCE)
            if worker.is_alive():
                worker.kill()
            if place in self._done:
                self._logs[place].unlink(missing_ok=True)


def _obituary(exitcode: int | None, log: Path) -> str:
    how = f"ended with {exitcode}"
    if exitcode and exitcode < 0:
        how = f"was killed by {signal.Signals(-exitcode).name}"
    hint = " (out of memory?)" if exitcode == -signal.SIGKILL else ""
    return f"the worker {how}{hint}; its log: {log}; the same command goes on where it stopped"


def _main(plan: Plan, device: str | None, place: int, events: Queue[Event], log: Path) -> None:
    """A worker's life. What libraries write to standard output and error goes into its log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C comes through the parent
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update({key: os.environ.get(key, value) for key, value in QUIET.items()})
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device

    def report(event: str, **facts: Any) -> None:
        events.put((event, {**facts, "worker": place}))

    from fer_bench.runner.worker import work

    try:
        work(plan, report)
    except UserError as error:
        report("user_error", message=str(error))
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except BaseException as error:
        traceback.print_exc()
        while error.__cause__:  # libraries wrap what the disk said in words of their own
            error = error.__cause__
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        goes_on = "the same command goes on where it stopped"
        report("died", message=f"the worker failed: {reason}\nits log: {log}; {goes_on}")
    events.close()
    events.join_thread()


def _interrupt(number: int, frame: Any) -> None:
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
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None and shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
        named = ",".join(str(n) for n, _ in enumerate(re.findall("^GPU", listed, re.MULTILINE)))
    devices: list[str | None] = [name for name in (named or "").split(",") if name.strip()]
    devices = devices or [None]
    return tuple(devices[place % len(devices)] for place in range(workers or len(devices)))
