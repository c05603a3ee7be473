"""MLflow's client: stores opened and made, runs searched, our tags."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fer_bench.errors import UserError, phrase
from fer_bench.files import atomic
from fer_bench.storage.databases import probe, refusal

PREFIX = "fer_bench."  # of our tags


PAGE = 1000


def tracking_uri(mlruns: Path) -> str:
    """$MLFLOW_TRACKING_URI, else the SQLite database in the folder `mlruns`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(mlruns / 'mlflow.db').resolve()}"


def create_store(mlruns: Path) -> None:
    """Make MLflow's database if it isn't there: whole, under a temporary name, then moved into place.

    A database that is half created when its process is killed never opens again, and processes that create
    one at the same time crash.
    """
    database = mlruns / "mlflow.db"
    with FileLock(mlruns / ".create.lock"):
        for left in mlruns.glob(".create-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        for left in mlruns.glob(".*.db.*.tmp"):
            left.unlink(missing_ok=True)
        if os.environ.get("MLFLOW_TRACKING_URI") or database.exists():
            return
        with tempfile.TemporaryDirectory(dir=mlruns, prefix=".create-") as folder:
            fresh = Path(folder) / "mlflow.db"
            client = MlflowClient(f"sqlite:///{fresh.resolve()}")
            client.search_experiments()
            client._tracking_client.store.engine.dispose()
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


def search(client: MlflowClient, experiments: list[str], condition: str) -> Iterator[Run]:
    """All active runs that meet a condition, page by page."""
    token = None
    while True:
        page = client.search_runs(
            experiments, condition, ViewType.ACTIVE_ONLY, PAGE, ["attributes.start_time ASC"], token
        )
        yield from page
        token = page.token
        if not token:
            return


def experiments(client: MlflowClient, study: str | None) -> dict[str, tuple[str, dict[str, str]]]:
    """Experiments of a study (or of all): id -> name and our tags."""
    token, found = None, {}
    while True:
        page = client.search_experiments(page_token=token)
        for experiment in page:
            tags = _ours(experiment.tags)
            if "study" in tags and study in (None, tags["study"]):
                found[experiment.experiment_id] = (experiment.name, tags)
        token = page.token
        if not token:
            return found


def artifact(client: MlflowClient, run: Run, name: str) -> Path:
    """Local path of a run's artifact, downloaded where the store is remote; UserError where it is not."""
    try:
        return Path(client.download_artifacts(run.info.run_id, name))
    except (MlflowException, OSError) as error:
        said = phrase(error)
        raise UserError(
            f"can't get {run.info.artifact_uri}/{name} ({said}): check the server and your permissions; if "
            "it is gone for good, delete the run in MLflow and run the study again"
        ) from None


def safe_name(name: str) -> str:
    """A name that may be part of a metric's key."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _is(tag: str, value: str) -> str:
    return f"tags.`{PREFIX}{tag}` = {json.dumps(value)}"


def _ours(tags: Mapping[str, str]) -> dict[str, str]:
    """Our tags; what was too long for one is put together again."""
    found: dict[str, str] = {}
    for key in sorted(key for key in tags if key.startswith(PREFIX)):
        name = key.removeprefix(PREFIX).partition(":")[0]
        found[name] = found.get(name, "") + tags[key]
    return found
