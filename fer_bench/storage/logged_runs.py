"""What was logged of a study, as the leaderboard reads it."""

from __future__ import annotations

import gc
import json
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_bench.errors import UserError
from fer_bench.registry import unknown
from fer_bench.storage.databases import no_runs_yet, tracking_uri
from fer_bench.storage.mlflow_client import LoggedRun, find_experiments, open_client, search_runs
from fer_bench.storage.planned_cells import planned_cells
from fer_bench.storage.records import (
    BOARD,
    CellStatus,
    HeldOut,
    Outputs,
    Predictions,
    RepeatRecord,
    TrialRecord,
)
from fer_bench.storage.result_files import PREDICTIONS
from fer_bench.storage.run_files import find_file, open_predictions
from fer_bench.study.file import study_files

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

HELD_OUT = ("labels", "groups", "dedup", "ids")  # of predictions.npz, behind "test_"
LONGEST = 200  # letters of an error that are shown
Tags = dict[str, str]


def read_study_runs(
    mlruns: Path, study: str, only: Collection[str] = ()
) -> tuple[list[CellStatus], list[RepeatRecord]]:
    """Every cell of a study, begun or only planned, and its counted repeats; of `only` some experiments.

    Raises UserError where nothing was run.
    """
    statuses: list[CellStatus] = []
    repeats: list[RepeatRecord] = []
    with _without_garbage_collection():
        for experiment in _experiments(mlruns, study, only):
            statuses += experiment.statuses()
            repeats += experiment.records()
    return statuses, repeats


def read_trials(mlruns: Path, study: str, only: Collection[str] = ()) -> list[TrialRecord]:
    """Counted trials of a study, of `only` some experiments; raises UserError where nothing was run."""
    with _without_garbage_collection():
        return [trial for experiment in _experiments(mlruns, study, only) for trial in experiment.trials()]


def _experiments(mlruns: Path, study: str, only: Collection[str]) -> Iterator[_Experiment]:
    if no_runs_yet(mlruns):
        raise UserError(
            f"{mlruns} holds no runs: fer-bench run --study {study}, or --mlruns with another folder"
        )
    client = open_client(tracking_uri(mlruns))
    experiments = find_experiments(client, study)
    if not experiments:
        raise UserError(_nothing_of(client, mlruns, study))
    for number, (name, description) in experiments.items():
        if not only or name in only:
            yield _Experiment(client, mlruns, number, description)


def _nothing_of(client: MlflowClient, mlruns: Path, study: str) -> str:
    """Message where a study has no runs: the command that makes them, if there is one, or what there is."""
    known = {tags["study"] for _, tags in find_experiments(client, None).values()}
    if known and study not in study_files():
        return f"no runs of study {study!r} in {mlruns}: {unknown('study', study, known)}"
    others = f"; {mlruns} holds runs of: {', '.join(sorted(known))}" if known else ""
    return f"no runs of study {study!r} yet: fer-bench run --study {shlex.quote(study)} makes them{others}"


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Python's search for garbage among MLflow's objects, a hundred a run, takes longer than to read them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Experiment:
    """Counted runs of one experiment. Trials are the most by far, and asked for only where they decide."""

    def __init__(self, client: MlflowClient, mlruns: Path, number: str, description: Tags) -> None:
        self._client, self._mlruns, self._number = client, mlruns, number
        self._description = description
        self._trials = int(description["trials"])
        self._repeats: dict[str, list[LoggedRun]] = defaultdict(list)
        for run in self._counted(kind="repeat"):
            self._repeats[run.tags["cell"]].append(run)

    def _counted(self, status: str | None = None, **tags: str) -> Iterator[LoggedRun]:
        return search_runs(self._client, [self._number], status, counted="true", **tags)

    def statuses(self) -> list[CellStatus]:
        """How far each planned cell is; those of an earlier version of the study aren't in the plan."""
        failed: dict[str, list[Tags]] = defaultdict(list)
        for run in self._counted("FAILED", kind="trial"):
            failed[run.tags["cell"]].append(run.tags)
        planned = planned_cells(self._description)
        return [self._status(key, tags, failed[key]) for key, tags in planned.items()]

    def _status(self, key: str, planned: Tags, failed: list[Tags]) -> CellStatus:
        repeats = [run.tags for run in self._repeats.get(key, [])]
        trials_planned = int(planned["trials"])
        if any(int(tags.get("trials", 0)) >= trials_planned for tags in repeats):
            # Repeats begin when every planned trial has spent its slot.
            failed = [tags for tags in failed if int(tags["slot"]) < trials_planned]
            done, sample = trials_planned - len(failed), repeats[0]
        else:
            trials = [run.tags for run in self._counted(kind="trial", cell=key)]
            done = sum("error" not in tags for tags in trials)
            sample = [*repeats, *trials, planned][0]
        broken = [tags for tags in repeats if "error" in tags]
        return CellStatus(
            cell=key,
            board={name: sample.get(name, "") for name in BOARD},
            backbone=sample["backbone"],
            strategy=sample["strategy"],
            recipe=sample["recipe"],
            trials_done=done,
            trials_failed=len(failed),
            trials_planned=trials_planned,
            repeats_done=len(repeats) - len(broken),
            repeats_planned=int(self._description["repeats"]),
            warnings=tuple(map(_failure, sorted(failed, key=_slot) + sorted(broken, key=_slot))),
        )

    def records(self) -> Iterator[RepeatRecord]:
        """Counted repeats that have a score."""
        known: dict[tuple[int, ...], HeldOut] = {}
        for runs in self._repeats.values():
            for run in runs:
                if "test/macro_f1" in run.metrics:
                    yield self._record(run, known)

    def _record(self, run: LoggedRun, known: dict[tuple[int, ...], HeldOut]) -> RepeatRecord:
        tags = run.tags
        return RepeatRecord(
            cell=tags["cell"],
            board={name: tags.get(name, "") for name in BOARD},
            backbone=tags["backbone"],
            strategy=tags["strategy"],
            recipe=tags["recipe"],
            shared_key=tags.get("shared_key", ""),
            selected_from=int(tags.get("trials", self._trials)),
            slot=int(tags["slot"]),
            seed=int(tags["seed"]),
            run_id=run.run_id,
            commit=tags.get("commit", "unknown"),
            started=run.started,
            metrics=run.metrics,
            tags={"planned_repeats": self._description.get("first_repeats", "")} | tags,
            predictions=partial(_predictions, self._client, run, self._mlruns, known),
            outputs=partial(_outputs, self._client, run, self._mlruns, known),
        )

    def trials(self) -> Iterator[TrialRecord]:
        """Counted trials, also those that failed."""
        for run in self._counted(kind="trial"):
            tags = run.tags
            yield TrialRecord(
                cell=tags["cell"],
                board={name: tags.get(name, "") for name in BOARD},
                backbone=tags["backbone"],
                strategy=tags["strategy"],
                slot=int(tags["slot"]),
                seed=int(tags["seed"]),
                value=run.metrics.get("val/macro_f1"),
            )


def _slot(tags: Mapping[str, str]) -> int:
    return int(tags["slot"])


def _failure(tags: Mapping[str, str]) -> str:
    """Why a slot is spent without a score: one phrase, as warnings are joined by ";"."""
    reason = " ".join(tags["error"].replace(";", ",").split())
    return f"failed {tags['kind']} {tags['slot']}: {reason[:LONGEST]}"


def _predictions(
    client: MlflowClient, run: LoggedRun, mlruns: Path, known: dict[tuple[int, ...], HeldOut]
) -> Predictions:
    """Predictions of a run; images that are `known` by their checksums are not read again."""
    with _open(client, run, mlruns) as file:
        return Predictions(_images(file, known), file["test_predicted"])


def _outputs(
    client: MlflowClient, run: LoggedRun, mlruns: Path, known: dict[tuple[int, ...], HeldOut]
) -> Outputs:
    """Logits of a run and how it was trained."""
    with _open(client, run, mlruns) as file:
        result = json.loads(str(file["result"]))
        return Outputs(
            images=_images(file, known),
            logits=file["test_logits"],
            predicted=file["test_predicted"],
            val_labels=file["val_labels"],
            val_logits=file["val_logits"],
            val_predicted=file["val_predicted"],
            classes=tuple(map(str, file["classes"])),
            class_counts=file["class_counts"],
            history=result["history"],
            parameters=result["parameters"],
            decision_offset=file.get("decision_offset"),
        )


@contextmanager
def _open(client: MlflowClient, run: LoggedRun, mlruns: Path) -> Iterator[Any]:
    path = find_file(client, run.run_id, run.artifact_uri, mlruns, PREDICTIONS)
    with open_predictions(path, run.run_id) as file:
        yield file


def _images(file: Any, known: dict[tuple[int, ...], HeldOut]) -> HeldOut:
    names: tuple[str, ...] = HELD_OUT
    if "test_near_dedup" in file.files:  # older ones have none
        names = (*HELD_OUT, "near_dedup")
    sums = tuple(file.zip.getinfo(f"test_{name}.npy").CRC for name in names)
    if sums not in known:
        known[sums] = HeldOut(**{name: file[f"test_{name}"] for name in names})
    return known[sums]
