"""What was logged of a study, as the leaderboard wants it."""

from __future__ import annotations

import gc
import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zipfile import BadZipFile

import numpy as np

from fer_bench.errors import UserError, phrase
from fer_bench.registry import unknown
from fer_bench.storage.mlflow_client import PREFIX, artifact, experiments, open_client, search, tracking_uri
from fer_bench.storage.records import CellStatus, HeldOut, Predictions, RepeatRecord
from fer_bench.study.file import study_files

BOARD = ("study", "recipe_name", "dataset", "data_fingerprint", "split", "budget", "images")
HELD_OUT = ("labels", "groups", "dedup", "ids")  # of predictions.npz, behind "test_"
LONGEST = 200  # letters of an error that are shown


def read_study_runs(
    mlruns: Path, study: str, only: Collection[str] = ()
) -> tuple[list[CellStatus], list[RepeatRecord]]:
    """Every cell of a study, begun or only planned, and its counted repeats; of `only` some experiments.

    Raises UserError where nothing was run.
    """
    uri = tracking_uri(mlruns)
    if uri.startswith("sqlite") and not (mlruns / "mlflow.db").exists():
        raise UserError(
            f"{mlruns} holds no runs: fer-bench run --study {study}, or --mlruns with another folder"
        )
    client = open_client(uri)
    found = experiments(client, study)
    if not found:
        known = {tags["study"] for _, tags in experiments(client, None).values()}
        hint = f"{unknown('study', study, known)}; " if known and study not in study_files() else ""
        raise UserError(f"no runs of study {study!r} yet: {hint}fer-bench run --study {study} makes them")
    statuses: list[CellStatus] = []
    repeats: list[RepeatRecord] = []
    with _uncollected():
        for number, (name, planned) in found.items():
            if not only or name in only:
                logged = _Experiment(client, mlruns, number, planned)
                statuses += logged.statuses()
                repeats += logged.records()
    return statuses, repeats


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage among MLflow's objects, a hundred a run: it takes longer than to read them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Experiment:
    """Counted runs of one experiment. Trials are the most by far, and asked for only where they decide."""

    def __init__(self, client: Any, mlruns: Path, number: str, planned: dict[str, str]) -> None:
        self.client, self.mlruns, self.number, self.planned = client, mlruns, number, planned
        self.trials = int(planned["trials"])
        self.repeats: dict[str, list[tuple[Any, dict[str, str]]]] = defaultdict(list)
        for run, tags in self._counted(kind="repeat"):
            self.repeats[tags["cell"]].append((run, tags))

    def _counted(self, condition: str = "", **tags: str) -> Iterator[tuple[Any, dict[str, str]]]:
        """Counted runs with these tags: MLflow's, and our tags of it."""
        wanted = [f"tags.`{PREFIX}{key}` = '{value}'" for key, value in {"counted": "true", **tags}.items()]
        for run in search(self.client, [self.number], " and ".join(wanted) + condition):
            every = run.data.tags.items()
            yield run, {key.removeprefix(PREFIX): value for key, value in every if key.startswith(PREFIX)}

    def statuses(self) -> list[CellStatus]:
        """How far each planned cell is; those of an earlier version of the study aren't in the plan."""
        named: dict[str, str] = json.loads(self.planned.get("cells", "{}"))
        failed: dict[str, list[dict[str, str]]] = defaultdict(list)
        for _, tags in self._counted(" and attributes.status = 'FAILED'", kind="trial"):
            failed[tags["cell"]].append(tags)
        return [self._status(key, line, failed[key]) for key, line in named.items()]

    def _status(self, key: str, line: str, failed: list[dict[str, str]]) -> CellStatus:
        repeats = [tags for _, tags in self.repeats.get(key, [])]
        if any(int(tags.get("trials", 0)) >= self.trials for tags in repeats):
            # Repeats begin when every planned trial has spent its slot.
            failed = [tags for tags in failed if int(tags["slot"]) < self.trials]
            done, sample = self.trials - len(failed), repeats[0]
        else:
            trials = [tags for _, tags in self._counted(kind="trial", cell=key)]
            done = sum("error" not in tags for tags in trials)
            sample = (repeats + trials + [self._named(line)])[0]
        broken = [tags for tags in repeats if "error" in tags]
        return CellStatus(
            cell=key,
            board={name: sample.get(name, "") for name in BOARD},
            backbone=sample["backbone"],
            strategy=sample["strategy"],
            recipe=sample["recipe"],
            trials_done=done,
            trials_failed=len(failed),
            trials_planned=self.trials,
            repeats_done=len(repeats) - len(broken),
            repeats_planned=int(self.planned["repeats"]),
            warnings=tuple(map(_failure, sorted(failed, key=_slot) + sorted(broken, key=_slot))),
        )

    def _named(self, line: str) -> dict[str, str]:
        """Tags of a cell of which nothing has run, from its line in the plan."""
        name, split, recipe, *images = line.split(" ")
        backbone, strategy = name.split("/")
        own = {"backbone": backbone, "strategy": strategy, "recipe": recipe, "split": split}
        return {**self.planned, **own, **({"images": images[0]} if images else {})}

    def records(self) -> Iterator[RepeatRecord]:
        """Counted repeats that have a score."""
        known: dict[tuple[int, ...], HeldOut] = {}
        for runs in self.repeats.values():
            for run, tags in runs:
                if "test/macro_f1" in run.data.metrics:
                    yield RepeatRecord(
                        cell=tags["cell"],
                        board={name: tags.get(name, "") for name in BOARD},
                        backbone=tags["backbone"],
                        strategy=tags["strategy"],
                        recipe=tags["recipe"],
                        shared_key=tags.get("shared_key", ""),
                        selected_from=int(tags.get("trials", self.trials)),
                        slot=int(tags["slot"]),
                        seed=int(tags["seed"]),
                        run_id=run.info.run_id,
                        commit=tags.get("commit", "unknown"),
                        started=run.info.start_time / 1000,
                        metrics=run.data.metrics,
                        tags=tags,
                        predictions=partial(_predictions, self.client, run, self.mlruns, known),
                    )


def _slot(tags: dict[str, str]) -> int:
    return int(tags["slot"])


def _failure(tags: dict[str, str]) -> str:
    """Why a slot is spent without a score: one phrase, as warnings are joined by ";"."""
    reason = " ".join(tags["error"].replace(";", ",").split())
    return f"failed {tags['kind']} {tags['slot']}: {reason[:LONGEST]}"


def _predictions(client: Any, run: Any, mlruns: Path, known: dict[tuple[int, ...], HeldOut]) -> Predictions:
    """Predictions of a run; images that are `known` by their checksums are not read again."""
    with open_predictions(_file(client, run, mlruns, "predictions.npz"), run.info.run_id) as file:
        sums = tuple(file.zip.getinfo(f"test_{name}.npy").CRC for name in HELD_OUT)
        if sums not in known:
            known[sums] = HeldOut(**{name: file[f"test_{name}"] for name in HELD_OUT})
        return Predictions(known[sums], file["test_predicted"])


@contextmanager
def open_predictions(path: Path, run_id: str) -> Iterator[Any]:
    """Arrays of a run's predictions.npz; raises UserError where it is broken."""
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        said = phrase(error)
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"{path} can't be read ({error.strerror}): check your permissions") from None
        raise UserError(
            f"{path} is broken ({said}): delete run {run_id} in MLflow, and run the study again"
        ) from None


def _file(client: Any, run: Any, mlruns: Path, name: str) -> Path:
    """Where a run's file lies: as written, or where `mlruns` has been moved to; else fetched."""
    uri = urlsplit(run.info.artifact_uri)
    path = Path(url2pathname(uri.path)) / name
    for place in (path, mlruns / Path(*path.parts[-5:])):  # artifacts/EXPERIMENT/RUN/artifacts/NAME
        if uri.scheme == "file" and place.is_file():
            return place
    return artifact(client, run, name)
