"""MLflow's client and its query language: stores made and opened, experiments and runs found."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# MLflow reads these when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from filelock import FileLock
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from fer_bench.files import atomic
from fer_bench.storage.databases import probe, refusal, remove_journals, tracking_uri

# It tells of each new database in three lines, and of what is raised as well in a hundred.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

if TYPE_CHECKING:
    from mlflow.entities import Run

PREFIX = "fer_bench."  # of our tags
PAGE = 1000  # runs asked for at a time
PARENT = "mlflow.parentRunId"  # tag of a run that MLflow's page shows within another


@dataclass(frozen=True, eq=False)
class LoggedRun:
    """A run in MLflow: our tags without their prefix, last value of each metric, start in unix seconds.

    `parent` is the run that it is shown within, "" for none; `status` is MLflow's word.
    """

    run_id: str
    tags: dict[str, str]
    metrics: dict[str, float]
    started: float
    artifact_uri: str
    parent: str
    status: str


def create_store(mlruns: Path) -> None:
    """Make MLflow's database if it isn't there: whole, under a temporary name, then moved into place.

    A database that is half created when its process is killed never opens again, and processes that create
    one at the same time crash.
    """
    database = mlruns / "mlflow.db"
    with FileLock(mlruns / ".create.lock"):
        for folder_left in mlruns.glob(".create-*"):  # by a process that was killed
            shutil.rmtree(folder_left, ignore_errors=True)
        for file_left in mlruns.glob(".*.db.*.tmp"):
            file_left.unlink(missing_ok=True)
        if os.environ.get("MLFLOW_TRACKING_URI") or database.exists():
            return
        with tempfile.TemporaryDirectory(dir=mlruns, prefix=".create-") as folder:
            fresh = Path(folder) / "mlflow.db"
            client = MlflowClient(f"sqlite:///{fresh.resolve()}")
            client.search_experiments()
            client._tracking_client.store.engine.dispose()
            remove_journals(database)
            with atomic(database) as temporary:
                fresh.rename(temporary)


def open_client(uri: str) -> MlflowClient:
    """Client of a store; raises UserError in one line where it can't be opened."""
    try:
        probe(uri)
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # MLflow lets SQLAlchemy's and alembic's own errors through
        raise refusal("MLflow store", uri, error) from None
    return client


def search_runs(
    client: MlflowClient, experiments: Sequence[str], status: str | None = None, **tags: str
) -> Iterator[LoggedRun]:
    """All runs of experiments that are not deleted, have these of our tags and this status, oldest first."""
    conditions = [is_tagged(key, value) for key, value in tags.items()]
    conditions += [f"attributes.status = '{status}'"] if status else []
    token = None
    while True:
        page = client.search_runs(
            list(experiments),
            " and ".join(conditions),
            ViewType.ACTIVE_ONLY,
            PAGE,
            ["attributes.start_time ASC"],
            token,
        )
        yield from map(_logged_run, page)
        token = page.token
        if not token:
            return


def _logged_run(run: Run) -> LoggedRun:
    tags = {k.removeprefix(PREFIX): value for k, value in run.data.tags.items() if k.startswith(PREFIX)}
    info = run.info
    return LoggedRun(
        run_id=info.run_id,
        tags=tags,
        metrics=run.data.metrics,
        started=info.start_time / 1000,
        artifact_uri=info.artifact_uri,
        parent=run.data.tags.get(PARENT, ""),
        status=info.status,
    )


def find_experiments(client: MlflowClient, study: str | None) -> dict[str, tuple[str, dict[str, str]]]:
    """Experiments of a study (None: of all): id -> name and our tags."""
    token, experiments = None, {}
    while True:
        page = client.search_experiments(page_token=token)
        for experiment in page:
            tags = our_tags(experiment.tags)
            if "study" in tags and study in (None, tags["study"]):
                experiments[experiment.experiment_id] = (experiment.name, tags)
        token = page.token
        if not token:
            return experiments


def experiment_names(mlruns: Path) -> dict[str, tuple[str, str]]:
    """Experiments in the store of `mlruns`: id -> name and study; UserError where it can't be opened."""
    experiments = find_experiments(open_client(tracking_uri(mlruns)), None)
    return {number: (name, tags["study"]) for number, (name, tags) in experiments.items()}


def is_tagged(key: str, value: str) -> str:
    """Condition of MLflow's query language: one of our tags has this value."""
    return f"tags.`{PREFIX}{key}` = {json.dumps(value)}"


def our_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Our tags of an experiment; what was too long for one tag is put together again."""
    whole: dict[str, str] = {}
    for key in sorted(key for key in tags if key.startswith(PREFIX)):
        name = key.removeprefix(PREFIX).partition(":")[0]
        whole[name] = whole.get(name, "") + tags[key]
    return whole
