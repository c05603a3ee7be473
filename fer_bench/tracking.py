"""Runs written and read: the only module that knows MLflow."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import pandas as pd
from filelock import FileLock
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fer_bench.errors import UserError, phrase
from fer_bench.recovery import Result, atomic
from fer_bench.stores import artifact_place, check_place, probe, refusal, remove_journals

PREFIX = "fer_bench."  # of our tags
PAGE = 1000
LONGEST_TAG = 4000  # letters; MLflow takes 20,000 of an experiment's, its servers' databases 5,000
VIEW = "repeats"  # MLflow's page opens with `?viewStateShareKey=repeats` on what is worth comparing
SHOWN = ("test/macro_f1", "test/balanced_accuracy", "test/accuracy", "test_dedup/macro_f1", "val/macro_f1")


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
            remove_journals(database)
            with atomic(database) as temporary:
                fresh.rename(temporary)


class Tracker:
    """One experiment of an MLflow store, and the runs of its cells."""

    def __init__(self, mlruns: Path, experiment: str) -> None:
        self.uri = tracking_uri(mlruns)
        self.experiment = experiment
        self._client = open_client(self.uri)
        self._written: dict[str, set[int]] = {}  # epochs of open runs: to ask the store twice is slow
        with FileLock(mlruns / ".create.lock"):
            known = self._client.get_experiment_by_name(experiment)
            if known is None:
                remote = self.uri.startswith("http")
                self.id = self._create(experiment, None if remote else artifact_place(mlruns, experiment))
                return
            check_place(mlruns, experiment, known.artifact_location)
            if known.lifecycle_stage == "deleted":
                raise UserError(
                    f"experiment {experiment!r} was deleted in MLflow: restore it, or use another --mlruns"
                )
            else:
                self.id = known.experiment_id

    def _create(self, experiment: str, place: str | None) -> str:
        try:
            return str(self._client.create_experiment(experiment, artifact_location=place))
        except MlflowException:  # a worker on another machine was faster
            known = self._client.get_experiment_by_name(experiment)
            if known is None:
                raise
            return str(known.experiment_id)

    def describe(self, tags: Mapping[str, str]) -> None:
        """Set tags of the experiment, and the view that its page opens with."""
        known = self._client.get_experiment(self.id).tags
        for key, value in tags.items():
            parts = [value[at : at + LONGEST_TAG] for at in range(0, len(value), LONGEST_TAG)] or [""]
            stale = [""] * sum(name.startswith(f"{PREFIX}{key}:") for name in known)
            for place, part in enumerate(parts + stale[len(parts) - 1 :]):
                name = key if not place else f"{key}:{place:03}"
                self._client.set_experiment_tag(self.id, PREFIX + name, part)
        view = {
            "searchFilter": f"{_is('kind', 'repeat')} and {_is('counted', 'true')}",
            "orderByKey": f"metrics.`{SHOWN[0]}`",
            "orderByAsc": False,
            "selectedColumns": [f"metrics.`{key}`" for key in SHOWN],
        }
        self._client.set_experiment_tag(self.id, f"mlflow.sharedViewState.{VIEW}", json.dumps(view))

    def description(self) -> dict[str, str]:
        """Our tags of the experiment."""
        return _ours(self._client.get_experiment(self.id).tags)

    def start(self, name: str, tags: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
        """Begin a run; its id."""
        run = self._client.create_run(
            self.id, run_name=name, tags={PREFIX + key: value for key, value in tags.items()}
        )
        self._client.log_batch(
            run.info.run_id, params=[Param(k, str(v)[:6000]) for k, v in parameters.items()]
        )
        if "dataset" in tags:
            digest = tags["data_fingerprint"][:36]  # as many as MLflow takes
            data = Dataset(tags["dataset"], digest, source_type="local", source=json.dumps(tags["split"]))
            try:
                self._client.log_inputs(run.info.run_id, [DatasetInput(data, [])])
            except MlflowException:  # of workers that name it at once, one is refused; now it is there
                self._client.log_inputs(run.info.run_id, [DatasetInput(data, [])])
        return str(run.info.run_id)

    def log_epoch(self, run_id: str, epoch: int, row: Mapping[str, float]) -> None:
        """Log one epoch's row; logged again with the same `time`, it is stored once."""
        written = self._written.setdefault(run_id, set())
        if epoch not in written:
            self._client.log_batch(run_id, metrics=_epoch_metrics(epoch, row))
            written.add(epoch)

    def end(self, run_id: str, status: str) -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status)

    def open_runs(self) -> dict[str, list[str]]:
        """Runs that still count as running, by cell."""
        found: dict[str, list[str]] = {}
        for run in self._search("attributes.status = 'RUNNING'"):
            found.setdefault(_ours(run.data.tags).get("cell", ""), []).append(run.info.run_id)
        return found

    def counted(self, cell: str) -> dict[tuple[str, int], tuple[int, str]]:
        """Attempt and run that count, for each kind and slot of a cell."""
        runs = self._search(f"{_is('cell', cell)} and {_is('counted', 'true')}")
        found = [(_ours(run.data.tags), run.info.run_id) for run in runs]
        return {(tags["kind"], int(tags["slot"])): (int(tags["attempt"]), run) for tags, run in found}

    def fetch(self, run_id: str, name: str, folder: Path) -> Path | None:
        """Copy a run's artifact into a folder; None where the run has none of that name."""
        try:
            return Path(self._client.download_artifacts(run_id, name, str(folder)))
        except (MlflowException, OSError):
            return None

    def attach(self, run_id: str, path: Path) -> None:
        """Copy a file into a run's artifacts."""
        self._client.log_artifact(run_id, str(path))

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set one of our tags of a run."""
        self._client.set_tag(run_id, PREFIX + key, value)

    def discount(self, run_id: str) -> None:
        """Let a run no longer count: another has taken its place."""
        self._client.set_tag(run_id, PREFIX + "counted", "superseded")

    def has(self, run_id: str) -> bool:
        """Whether a run exists, in this experiment and not deleted."""
        try:
            info = self._client.get_run(run_id).info
        except MlflowException:
            return False
        return info.experiment_id == self.id and info.lifecycle_stage == "active"

    def book(self, run_id: str, result: Result, tables: Mapping[str, Any], files: Mapping[str, Any]) -> None:
        """Write all of a result into its run, end it, and last of all let it count.

        `tables`: name -> rows; `files`: name -> text, a matplotlib figure, or a path to copy.
        """
        stamp = int(result.finished * 1000)
        for epoch, row in enumerate(result.history, 1):
            self.log_epoch(run_id, epoch, row)
        numbers = {**result.scores, **result.facts}
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, stamp, 0) for key, value in numbers.items()],
            tags=[RunTag(PREFIX + key, value[:5000]) for key, value in result.origin.items()],
        )
        for name, rows in tables.items():  # not by log_table, which would append to what an attempt left
            self._client.log_text(run_id, pd.DataFrame(rows).to_json(orient="split", index=False), name)
        listed = [{"path": name, "type": "table"} for name in tables]
        self._client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps(listed))
        for name, content in files.items():
            self._log_file(run_id, name, content)
        if result.error:
            self._client.set_tag(run_id, PREFIX + "error", result.error[:5000])
        self._client.set_terminated(run_id, "FINISHED" if result.status == "complete" else "FAILED", stamp)
        self._client.set_tag(run_id, PREFIX + "counted", "true")
        self._written.pop(run_id, None)

    def _log_file(self, run_id: str, name: str, content: Any) -> None:
        if isinstance(content, Path):
            self._client.log_artifact(run_id, str(content))
        elif isinstance(content, str):
            self._client.log_text(run_id, content, name)
        else:
            self._client.log_figure(run_id, content, name, save_kwargs={"dpi": 120})

    def _search(self, condition: str) -> Iterator[Run]:
        return search(self._client, [self.id], condition)


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


def _epoch_metrics(epoch: int, row: Mapping[str, float]) -> list[Metric]:
    stamp = int(row.get("time", time.time()) * 1000)
    named = {
        "train/" + key.removeprefix("train/").replace("val/", "val_"): v
        for key, v in row.items()
        if key != "time"
    }
    return [Metric(key, float(value), stamp, epoch) for key, value in named.items()]


def _is(tag: str, value: str) -> str:
    return f"tags.`{PREFIX}{tag}` = {json.dumps(value)}"


def _ours(tags: Mapping[str, str]) -> dict[str, str]:
    """Our tags; what was too long for one is put together again."""
    found: dict[str, str] = {}
    for key in sorted(key for key in tags if key.startswith(PREFIX)):
        name = key.removeprefix(PREFIX).partition(":")[0]
        found[name] = found.get(name, "") + tags[key]
    return found
