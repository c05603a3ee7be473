"""One experiment of MLflow: its runs begun, filled, ended and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd
from filelock import FileLock
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from fer_bench.errors import UserError
from fer_bench.storage.databases import artifact_place, check_place, tracking_uri
from fer_bench.storage.mlflow_client import PARENT, PREFIX, LoggedRun, open_client, our_tags, search_runs
from fer_bench.storage.result_files import Kind, Result

if TYPE_CHECKING:
    from fer_bench.storage.run_record import Artifacts

LONGEST_TAG = 4000  # letters; MLflow takes 20,000 of an experiment's, its servers' databases 5,000


class Tracker:
    """One experiment of an MLflow store, and the runs of its cells."""

    def __init__(self, mlruns: Path, experiment: str) -> None:
        self.uri = tracking_uri(mlruns)
        self.experiment = experiment
        self._client = open_client(self.uri)
        self._written: dict[str, set[int]] = {}  # epochs of open runs: to ask the store twice is slow
        self._lock = mlruns / ".create.lock"
        with FileLock(self._lock):
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
        """Set tags of the experiment."""
        known = self._client.get_experiment(self.id).tags
        for key, value in tags.items():
            parts = [value[at : at + LONGEST_TAG] for at in range(0, len(value), LONGEST_TAG)] or [""]
            stale = [""] * sum(name.startswith(f"{PREFIX}{key}:") for name in known)
            for place, part in enumerate(parts + stale[len(parts) - 1 :]):
                name = key if not place else f"{key}:{place:03}"
                self.tag_experiment(PREFIX + name, part)

    def tag_experiment(self, key: str, value: str) -> None:
        """Set a tag of the experiment by its full name, one of ours or of MLflow's."""
        _write_despite_others(self._client.set_experiment_tag, self.id, key, value)

    def description(self) -> dict[str, str]:
        """Our tags of the experiment."""
        return our_tags(self._client.get_experiment(self.id).tags)

    def start(
        self, name: str, tags: Mapping[str, str], parameters: Mapping[str, object], parent: str = ""
    ) -> str:
        """Begin a run, nested under a parent or not; its id."""
        named = {PREFIX + key: value for key, value in tags.items()}
        nested = {PARENT: parent} if parent else {}
        run = self._client.create_run(self.id, run_name=name, tags=named | nested)
        self._client.log_batch(
            run.info.run_id, params=[Param(k, str(v)[:6000]) for k, v in parameters.items()]
        )
        if "dataset" in tags:
            digest = tags["data_fingerprint"][:12]  # MLflow's pages show it all, and take 36
            data = Dataset(tags["dataset"], digest, source_type="local", source=json.dumps(tags["split"]))
            _write_despite_others(self._client.log_inputs, run.info.run_id, [DatasetInput(data, [])])
        return str(run.info.run_id)

    def only(
        self, key: Sequence[str], name: str, tags: Mapping[str, str], parameters: Mapping[str, object]
    ) -> LoggedRun:
        """The one run that has the same of the tags named by `key`, begun if there is none.

        Machines that share nothing but a server may have begun several: all agree on the oldest, and the
        others go.
        """
        wanted = {name: tags[name] for name in key}
        with FileLock(self._lock):
            runs = self.runs(**wanted)
            if not runs:
                self.start(name, tags, parameters)
                runs = self.runs(**wanted)
        first, *others = sorted(runs, key=lambda run: (run.started, run.run_id))
        for run in others:
            self.remove(run.run_id)
        return first

    def log_epoch(self, run_id: str, epoch: int, row: Mapping[str, float]) -> None:
        """Log one epoch's row; logged again with the same `time`, it is stored once."""
        written = self._written.setdefault(run_id, set())
        if epoch not in written:
            self._client.log_batch(run_id, metrics=_epoch_metrics(epoch, row))
            written.add(epoch)

    def end(self, run_id: str, status: str) -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run_id, status)

    def runs(self, status: str | None = None, **tags: str) -> list[LoggedRun]:
        """Runs that have this status and these of our tags, oldest first."""
        return list(search_runs(self._client, [self.id], status, **tags))

    def open_runs(self) -> dict[str, list[str]]:
        """Runs that still count as running, by cell."""
        run_ids: dict[str, list[str]] = {}
        for run in self.runs("RUNNING"):
            run_ids.setdefault(run.tags.get("cell", ""), []).append(run.run_id)
        return run_ids

    def counted(self, cell: str) -> dict[tuple[Kind, int], tuple[int, str]]:
        """Attempt and run that count, for each kind and slot of a cell."""
        return {
            (cast("Kind", r.tags["kind"]), int(r.tags["slot"])): (int(r.tags["attempt"]), r.run_id)
            for r in self.runs(cell=cell, counted="true")
        }

    def nest(self, run_id: str, parent: str) -> None:
        """Let a run be shown within another."""
        self._client.set_tag(run_id, PARENT, parent)

    def reopen(self, run_id: str) -> None:
        """Let an ended run go on."""
        self._client.update_run(run_id, "RUNNING")

    def remove(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._client.delete_run(run_id)

    def log_numbers(self, run_id: str, numbers: Mapping[str, float]) -> None:
        """Log numbers that take the place of those of the same names."""
        stamp = int(time.time() * 1000)
        metrics = [Metric(key, value, stamp, 0) for key, value in numbers.items()]
        self._client.log_batch(run_id, metrics=metrics)

    def note(self, run_id: str, text: str) -> None:
        """Describe a run in Markdown, on its page."""
        self._client.set_tag(run_id, "mlflow.note.content", text)

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

    def log_result(self, run_id: str, result: Result, artifacts: Artifacts, predictions: Path) -> None:
        """Write all of a result into its run, end it, and last of all let it count."""
        stamp = int(result.finished * 1000)
        for epoch, row in enumerate(result.history, 1):
            self.log_epoch(run_id, epoch, row)
        numbers = {**result.scores, **result.facts}
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, stamp, 0) for key, value in numbers.items()],
            tags=[RunTag(PREFIX + key, value[:5000]) for key, value in result.origin.items()],
        )
        self.log_artifacts(run_id, artifacts)
        self._client.log_artifact(run_id, str(predictions))
        if result.error:
            self._client.set_tag(run_id, PREFIX + "error", result.error[:5000])
        self._client.set_terminated(run_id, "FINISHED" if result.status == "complete" else "FAILED", stamp)
        self._client.set_tag(run_id, PREFIX + "counted", "true")
        self._written.pop(run_id, None)

    def log_artifacts(self, run_id: str, artifacts: Artifacts) -> None:
        """Write tables, texts and figures into a run, in place of those of the same names."""
        for name, rows in artifacts.tables.items():  # not by log_table, which would append to an attempt's
            self._client.log_text(run_id, pd.DataFrame(rows).to_json(orient="split", index=False), name)
        listed = [{"path": name, "type": "table"} for name in artifacts.tables]
        self._client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps(listed))
        for name, text in artifacts.texts.items():
            self._client.log_text(run_id, text, name)
        for name, figure in artifacts.figures.items():
            self._client.log_figure(run_id, figure, name, save_kwargs={"dpi": 120})


def _write_despite_others(write: Callable[..., object], *arguments: object) -> None:
    """Write to MLflow, a second time if need be: of workers that add the same at once, one is refused."""
    try:
        write(*arguments)
    except MlflowException:
        write(*arguments)


def _epoch_metrics(epoch: int, row: Mapping[str, float]) -> list[Metric]:
    stamp = int(row.get("time", time.time()) * 1000)
    named = {
        "train/" + key.removeprefix("train/").replace("val/", "val_"): v
        for key, v in row.items()
        if key != "time"
    }
    return [Metric(key, float(value), stamp, epoch) for key, value in named.items()]
