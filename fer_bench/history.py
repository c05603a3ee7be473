"""What was logged of a study, as the leaderboard wants it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer_bench.errors import UserError
from fer_bench.records import CellStatus, Predictions, RepeatRecord
from fer_bench.registry import unknown
from fer_bench.tracking import artifact, counted_runs, experiments, open_client, tracking_uri

BOARD = ("study", "dataset", "data_fingerprint", "split", "budget")


def read_study_runs(
    mlruns: Path, study: str, experiment: str | None = None
) -> tuple[list[CellStatus], list[RepeatRecord]]:
    """Every cell of a study, begun or only planned, and its counted repeats; of one experiment, or of all.

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
        hint = f"{unknown('study', study, known)}; " if known else ""
        raise UserError(f"no runs of study {study!r} yet: {hint}fer-bench run --study {study} makes them")
    statuses: list[CellStatus] = []
    repeats: list[RepeatRecord] = []
    for number, (name, planned) in found.items():
        if experiment in (None, name):
            runs = list(counted_runs(client, number))
            statuses += _statuses(planned, [tags for _, tags, _, _ in runs])
            repeats += [
                _record(run, tags, metrics, started, partial(_predictions, client, run))
                for run, tags, metrics, started in runs
                if tags["kind"] == "repeat" and "test/macro_f1" in metrics
            ]
    return statuses, repeats


def _statuses(planned: dict[str, str], runs: list[dict[str, str]]) -> list[CellStatus]:
    cells: dict[str, list[dict[str, str]]] = defaultdict(list)
    for tags in runs:
        cells[tags["cell"]].append(tags)
    named: dict[str, str] = json.loads(planned.get("cells", "{}"))
    statuses = []
    for key in named:  # cells of an earlier version of the study have runs, but no place in the plan
        runs_of = cells.get(key, [])
        if runs_of:
            board, own = {k: runs_of[0][k] for k in BOARD}, runs_of[0]
        else:
            name, split, recipe = named[key].split(" ")
            backbone, strategy = name.split("/")
            board = {**{k: planned[k] for k in BOARD}, "split": split}
            own = {"backbone": backbone, "strategy": strategy, "recipe": recipe}
        failed = [tags for tags in runs_of if "error" in tags]
        complete = [tags for tags in runs_of if "error" not in tags]
        statuses.append(
            CellStatus(
                cell=key,
                board=board,
                backbone=own["backbone"],
                strategy=own["strategy"],
                recipe=own["recipe"],
                trials_done=sum(t["kind"] == "trial" for t in complete),
                trials_failed=sum(t["kind"] == "trial" for t in failed),
                trials_planned=int(planned["trials"]),
                repeats_done=sum(t["kind"] == "repeat" for t in complete),
                repeats_planned=int(planned["repeats"]),
                warnings=tuple(f"{t['kind']} {t['slot']} failed: {t['error']}" for t in failed),
            )
        )
    return statuses


def _record(
    run: str, tags: dict[str, str], metrics: dict[str, float], started: float, predictions: Callable[[], Any]
) -> RepeatRecord:
    alarms = "; ".join(filter(None, (tags.get("warnings", ""), tags.get("alarms", ""))))
    return RepeatRecord(
        cell=tags["cell"],
        board={key: tags[key] for key in BOARD},
        backbone=tags["backbone"],
        strategy=tags["strategy"],
        recipe=tags["recipe"],
        slot=int(tags["slot"]),
        seed=int(tags["seed"]),
        run_id=run,
        commit=tags.get("commit", "unknown"),
        started=started,
        metrics=metrics,
        tags={**tags, "warnings": alarms},
        predictions=predictions,
    )


def _predictions(client: Any, run: str) -> Predictions:
    with np.load(artifact(client, run, "predictions.npz"), allow_pickle=False) as file:
        return Predictions(
            labels=file["test_labels"],
            predicted=file["test_predicted"],
            groups=file["test_groups"],
            dedup=file["test_dedup"],
            ids=file["test_ids"],
        )
