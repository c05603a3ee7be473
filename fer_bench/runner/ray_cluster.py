"""The same workers, placed by a Ray cluster (extra `ray`): a task each, tried again when its node is lost."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from fer_bench.errors import UserError, phrase
from fer_bench.files import writable
from fer_bench.runner.events import Ended, Event, WorkerDied
from fer_bench.storage.databases import check_databases
from fer_bench.study.plan import Plan

if TYPE_CHECKING:
    import ray
    from ray.util.queue import Queue

CARRIED = ("FER_BENCH_", "KERAS_", "MLFLOW_", "TF_", "JAX_", "XLA_")  # variables that workers get, too
MOST_LOSSES = 8  # of a worker's node


def run(plan: Plan, address: str | None, workers: int | None) -> Generator[Event]:
    """Run a plan in Ray tasks and yield what they tell, as `processes.run` does.

    One worker per GPU of the cluster, else one per node, unless `workers` says how many. Without an `address`
    Ray looks for $RAY_ADDRESS and a cluster on this machine, and starts one where there is none.
    Raises UserError where Ray isn't installed or reached, and where a worker does.
    """
    try:
        import ray
        from ray.util.queue import Queue
    except ImportError:
        raise UserError("--engine ray needs Ray: pip install 'fer-bench[ray]'") from None
    plan = replace(plan, mlruns=plan.mlruns.resolve())
    writable(plan.results)
    check_databases(plan.mlruns, plan.storage)
    variables = {k: v for k, v in os.environ.items() if k.startswith(CARRIED)}
    try:
        ray.init(address=address, runtime_env={"env_vars": variables}, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"no Ray cluster at {address or 'this machine'}: {error}") from None
    gpus = int(ray.cluster_resources().get("GPU", 0))
    nodes = sum(node["Alive"] for node in ray.nodes())
    worker = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_retries=MOST_LOSSES)(_work)
    worker = worker.options(scheduling_strategy="SPREAD")
    events = Queue(actor_options={"num_cpus": 0})
    tasks = [worker.remote(plan, number, events) for number in range(workers or gpus or nodes)]
    try:
        yield from _listen(tasks, events)
    finally:
        for task in tasks:
            ray.cancel(task)  # as Ctrl-C; nothing happens to one that has ended
        ray.wait(tasks, num_returns=len(tasks), timeout=20)
        ray.shutdown()


def _listen(tasks: list[ray.ObjectRef], events: Queue) -> Generator[Event]:
    import ray
    from ray.util.queue import Empty

    working, lost = list(tasks), list[str]()
    failures: set[str] = set()
    while working or not events.empty():
        try:
            yield events.get(timeout=1.0)
        except Empty:
            ended, working = ray.wait(working, num_returns=len(working), timeout=0) if working else ([], [])
            for task in ended:
                try:
                    failures |= set(ray.get(task))
                except ray.exceptions.RayTaskError as error:
                    raise UserError(str(error.cause)) from None
                except ray.exceptions.RayError as error:
                    lost.append(phrase(error))
                    yield WorkerDied(worker=tasks.index(task), message=lost[-1])
    if len(lost) == len(tasks):
        raise UserError("\n".join(lost))
    yield Ended(failures=tuple(sorted(failures)))


def _work(plan: Plan, number: int, events: Queue) -> list[str]:
    """A worker in a process of Ray's: what has failed."""
    from fer_bench.runner.worker import work

    return work(plan, lambda event: events.put(replace(event, worker=number)))
