"""A cell's kept repeat, found among what was logged: what it takes to build its net again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from fer_bench.errors import UserError, phrase
from fer_bench.registry import unknown
from fer_bench.storage.databases import check_place
from fer_bench.storage.logged_runs import open_predictions, read_study_runs
from fer_bench.storage.mlflow_client import open_client, tracking_uri
from fer_bench.storage.records import RepeatRecord
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.recipe import Recipe

PREDICTIONS = "predictions.npz"


@dataclass(frozen=True, eq=False)
class KeptRepeat:
    """A repeat whose weights were kept, as it was logged.

    `place` says which repeat of how many; `classes` are K names; `class_counts` (K,) int is of the training
    split; `image_shape` (H, W, C) of the data; `logits` (n, K) float32 of the test images `ids` (n,) str,
    before `adjust_logits`; `weights` is the file of the whole net's.
    """

    record: RepeatRecord
    place: str
    recipe: Recipe
    strategy: Strategy
    classes: tuple[str, ...]
    class_counts: np.ndarray
    image_shape: tuple[int, int, int]
    logits: np.ndarray
    ids: np.ndarray
    weights: Path


def find_kept(
    mlruns: Path, study: str, cell: str, chosen: Mapping[str, str | None], folder: Path
) -> KeptRepeat:
    """Find the kept repeat of a cell BACKBONE/STRATEGY of a study and copy its files into a folder.

    `chosen` narrows down which of the study's boards is meant: dataset, split, budget, recipe. Raises
    UserError where there is no such cell, several are meant, its weights were not kept or lie elsewhere, or
    `mlruns` was moved.
    """
    repeats = _of_one_cell(mlruns, study, cell, chosen)
    client = open_client(tracking_uri(mlruns))
    ranked = sorted(repeats, key=lambda r: (r.metrics["val/macro_f1"], r.slot))
    experiment = client.get_experiment(client.get_run(ranked[0].run_id).info.experiment_id)
    check_place(mlruns, experiment.name, experiment.artifact_location)
    middle = (len(ranked) - 1) // 2
    somewhere = False
    for record in sorted(ranked, key=lambda r: abs(ranked.index(r) - middle)):
        names = [Path(file.path).name for file in _listed(client, record.run_id)]
        somewhere |= PREDICTIONS in names
        weights = [name for name in names if name.endswith(".weights.h5")]
        if weights and PREDICTIONS in names:
            for name in (PREDICTIONS, weights[0]):
                client.download_artifacts(record.run_id, name, str(folder))
            which = "the median" if record is ranked[middle] else f"number {ranked.index(record) + 1}"
            place = f"repeat {record.slot}, {which} of {len(ranked)} by validation macro-F1"
            parameters = client.get_run(record.run_id).data.params
            return _read(record, place, parameters, folder / PREDICTIONS, folder / weights[0])
    if not somewhere:
        address = client.get_run(repeats[0].run_id).info.artifact_uri
        raise UserError(
            f"the files of {cell} are not to be had from {address}: export on the machine that trained it, "
            "or bring that folder here"
        )
    raise UserError(_not_kept(study, cell, repeats))


def _not_kept(study: str, cell: str, repeats: Sequence[RepeatRecord]) -> str:
    backbone, strategy = cell.split("/")
    return (
        f"no weights of {cell} are among its runs' files: not kept (--keep-weights none), or deleted since. "
        f"fer-bench run --study {study} --backbones {backbone} --strategies {strategy} "
        f"--repeats {len(repeats) + 1} --keep-weights all, with the other options as before, trains one more "
        "repeat and keeps its weights; --keep-weights one from the start keeps the median's"
    )


def _listed(client: Any, run_id: str) -> list[Any]:
    """Files of a run; none where its store can't be reached."""
    try:
        return list(client.list_artifacts(run_id))
    except Exception:  # MLflow lets the artifact stores' own errors through
        return []


def _of_one_cell(mlruns: Path, study: str, cell: str, chosen: Mapping[str, str | None]) -> list[RepeatRecord]:
    """Scored repeats of the one cell that is meant."""
    statuses, repeats = read_study_runs(mlruns, study)
    named = [r for r in repeats if f"{r.backbone}/{r.strategy}" == cell]
    if not named:
        cells = {f"{r.backbone}/{r.strategy}" for r in repeats}
        known = (
            f"--cell: {unknown('finished cell', cell, cells)}" if cells else "none of its cells is finished"
        )
        raise UserError(f"study {study}: {known}")
    wanted = {name: value for name, value in chosen.items() if value is not None}
    meant = [r for r in named if all(_board(r)[name] == value for name, value in wanted.items())]
    boards = {json.dumps(_board(r)): _board(r) for r in (meant or named)}
    if not meant or len(boards) > 1:
        given = " ".join(f"--{name} {value}" for name, value in wanted.items())
        found = f"{cell} with {given} was never run" if not meant else f"{cell} was run in several ways"
        raise UserError(f"{found}; choose one: {' or '.join(_options(list(boards.values())))}")
    planned = {status.cell for status in statuses}
    latest = max(meant, key=lambda r: (r.cell in planned, r.started))
    return [r for r in meant if r.cell == latest.cell]


def _board(record: RepeatRecord) -> dict[str, str]:
    """What may differ between cells of one name in a study, by the option that tells them apart."""
    known = {name: record.board[name] for name in ("dataset", "split", "budget")}
    return {**known, "recipe": record.board.get("recipe_name", "")}


def _options(boards: Sequence[Mapping[str, str]]) -> list[str]:
    """For each board, the options that choose it."""
    differ = [name for name in boards[0] if len({board[name] for board in boards}) > 1] or list(boards[0])
    return sorted(" ".join(f"--{name} {b[name]}" for name in differ if b[name]) for b in boards)


def _read(
    record: RepeatRecord, place: str, parameters: Mapping[str, str], predictions: Path, weights: Path
) -> KeptRepeat:
    """What a run's parameters and predictions hold, checked."""
    try:
        recipe = Recipe(**_below("recipe.", parameters))
        strategy = STRATEGIES[record.strategy](**_below(f"{record.strategy}.", parameters))
    except (TypeError, ValidationError) as error:
        reason = phrase(error)
        raise UserError(
            f"run {record.run_id} was logged by another version of fer-bench (commit {record.commit}), which "
            f"had other parameters: export with that one ({reason})"
        ) from None
    with open_predictions(predictions, record.run_id) as file:
        if "class_counts" not in file:
            raise UserError(
                f"run {record.run_id} was logged by a fer-bench that could not export yet (commit "
                f"{record.commit}): train the cell again, with another --mlruns"
            )
        height, width, channels = map(int, file["image_shape"])
        return KeptRepeat(
            record=record,
            place=place,
            recipe=recipe,
            strategy=strategy,
            classes=tuple(map(str, file["classes"])),
            class_counts=file["class_counts"],
            image_shape=(height, width, channels),
            logits=file["test_logits"],
            ids=file["test_ids"],
            weights=weights,
        )


def _below(prefix: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Logged parameters whose name begins with a prefix, without it, and as what they were."""
    return {key.removeprefix(prefix): _plain(v) for key, v in parameters.items() if key.startswith(prefix)}


def _plain(text: str) -> Any:
    """What was logged as this text: JSON, or Python's words for nothing and true, or a word."""
    try:
        return json.loads(text)
    except ValueError:
        return {"None": None, "True": True, "False": False}.get(text, text)
