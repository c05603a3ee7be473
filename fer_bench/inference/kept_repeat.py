"""A cell's kept repeat: a repeat whose weights were kept, found among the logged runs and read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from fer_bench.errors import UserError, phrase
from fer_bench.registry import unknown
from fer_bench.storage.databases import no_runs_yet
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.storage.mlflow_client import experiment_names
from fer_bench.storage.records import CellStatus, RepeatRecord, median_place
from fer_bench.storage.result_files import PREDICTIONS
from fer_bench.storage.run_files import RunFiles, open_predictions
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import UNTUNED
from fer_bench.study.variants import chosen_by

HOW_TO_KEEP = (
    "fer-bench run --study imbalance trains models and keeps one of each cell; or --mlruns with another"
)


@dataclass(frozen=True, eq=False)
class KeptRepeat:
    """A repeat whose weights were kept, as it was logged.

    - place: which repeat it is, of how many, for people;
    - classes: K names; class_counts: (K,) int, of the training split;
    - image_shape: (H, W, C) of the dataset's images;
    - logits: (n, K) float32 of the test images `ids`, (n,) str, before `adjust_logits`; labels (n,) int;
    - val_logits, val_labels, val_ids: the same of validation;
    - decision_offset: (K,) float32, added to adjusted logits: what `fit_decision` fitted;
    - weights: a local copy of the weights file of the whole net;
    - antialias: whether images that it was trained on went through a filter where they were made smaller.
    """

    record: RepeatRecord
    place: str
    recipe: Recipe
    strategy: Strategy
    classes: tuple[str, ...]
    class_counts: np.ndarray
    image_shape: tuple[int, int, int]
    logits: np.ndarray
    labels: np.ndarray
    val_logits: np.ndarray
    val_labels: np.ndarray
    val_ids: np.ndarray
    decision_offset: np.ndarray
    ids: np.ndarray
    weights: Path
    antialias: bool


def find_kept_repeat(
    mlruns: Path, study: str, cell: str, board: Mapping[str, str | None], folder: Path
) -> KeptRepeat:
    """Find the kept repeat of a cell BACKBONE/STRATEGY of a study and copy its files into a folder.

    `board` chooses among the study's boards by options of `export`; None where any will do. Of
    several kept repeats the one nearest to the median by validation macro-F1 is taken. Raises UserError where
    there is no such cell, several boards fit, no weights were kept or they lie elsewhere, or `mlruns` was
    moved.
    """
    repeats = choose_repeats(*read_study_runs(mlruns, study), study, cell, board)
    runs = RunFiles(mlruns)
    runs.check_not_moved(mlruns, repeats[0].run_id)
    ranked = sorted(repeats, key=lambda r: (r.metrics["val/macro_f1"], r.slot))
    median = median_place(len(ranked))
    for rank in sorted(range(len(ranked)), key=lambda rank: abs(rank - median)):
        record = ranked[rank]
        which = "the median" if rank == median else f"number {rank + 1}"
        place = f"repeat {record.slot}, {which} of {len(ranked)} by validation macro-F1"
        if kept := _fetched(runs, record, place, folder):
            return kept
    if not any(PREDICTIONS in runs.names(record.run_id) for record in ranked):
        raise UserError(
            f"the files of {cell} are not to be had from {runs.address(repeats[0].run_id)}: export on the "
            "machine that trained it, or bring that folder here"
        )
    raise UserError(_not_kept(study, cell, len(repeats)))


def find_best_repeat(mlruns: Path, folder: Path) -> KeptRepeat:
    """Find the best kept repeat by validation macro-F1, over all studies, and copy its files into a folder.

    One that was trained on drawn faces counts only where no other was kept. Raises UserError where none was,
    or `mlruns` was moved.
    """
    if no_runs_yet(mlruns):
        raise UserError(f"{mlruns} holds no runs: {HOW_TO_KEEP}")
    studies = dict.fromkeys(study for _, study in experiment_names(mlruns).values())
    repeats = {r.run_id: (study, r) for study in studies for r in read_study_runs(mlruns, study)[1]}
    runs = RunFiles(mlruns)
    for study, record in sorted(repeats.values(), key=lambda each: _merit(each[1]), reverse=True):
        place = f"repeat {record.slot} of study {study}, the best kept by validation macro-F1"
        runs.check_not_moved(mlruns, record.run_id)
        if kept := _fetched(runs, record, place, folder):
            return kept
    raise UserError(f"no weights were kept in {mlruns}: {HOW_TO_KEEP}")


def _merit(record: RepeatRecord) -> tuple[bool, float, float]:
    """What is greater for a repeat that is better to show: of real faces, by validation macro-F1, newer."""
    return record.board["dataset"] != "synthetic", record.metrics.get("val/macro_f1", -1.0), record.started


def _fetched(runs: RunFiles, record: RepeatRecord, place: str, folder: Path) -> KeptRepeat | None:
    """A repeat with its files, copied into a folder; None where its weights aren't to be had."""
    files = runs.names(record.run_id)
    weights = [name for name in files if name.endswith(".weights.h5")]
    if not weights or PREDICTIONS not in files:
        return None
    predictions, net = (runs.fetch(record.run_id, name, folder) for name in (PREDICTIONS, weights[0]))
    return read_repeat(record, place, runs.parameters(record.run_id), predictions, net)


def _not_kept(study: str, cell: str, repeats: int) -> str:
    backbone, strategy = cell.split("/")
    return (
        f"no weights of {cell} are among its runs' files: not kept (--keep-weights none), or deleted since. "
        f"fer-bench run --study {study} --backbones {backbone} --strategies {strategy} "
        f"--repeats {repeats + 1} --keep-weights all, with the other options as before, trains one more "
        "repeat and keeps its weights; --keep-weights one from the start keeps the median's"
    )


def choose_repeats(
    statuses: Collection[CellStatus],
    repeats: Collection[RepeatRecord],
    study: str,
    cell: str,
    board: Mapping[str, str | None],
) -> list[RepeatRecord]:
    """Repeats of the one cell BACKBONE/STRATEGY that is meant, among all that were logged of a study.

    Of cells that differ in their recipe's content alone the planned one counts, else the latest. `board` and
    errors are those of `find_kept_repeat`.
    """
    named = [r for r in repeats if f"{r.backbone}/{r.strategy}" == cell]
    if not named:
        cells = {f"{r.backbone}/{r.strategy}" for r in repeats}
        known = (
            f"--cell: {unknown('finished cell', cell, cells)}" if cells else "none of its cells is finished"
        )
        raise UserError(f"study {study}: {known}")
    wanted = {name: value for name, value in board.items() if value is not None}
    fitting = [r for r in named if all(_board(r)[name] == value for name, value in wanted.items())]
    boards = {json.dumps(_board(r)): _board(r) for r in (fitting or named)}
    if not fitting or len(boards) > 1:
        options = " ".join(f"--{name} {value}" for name, value in wanted.items())
        problem = f"{cell} with {options} was never run" if not fitting else f"{cell} was run in several ways"
        raise UserError(f"{problem}; choose one: {' or '.join(_options(list(boards.values())))}")
    planned = {status.cell for status in statuses}
    latest = max(fitting, key=lambda r: (r.cell in planned, r.started))
    return [r for r in fitting if r.cell == latest.cell]


def _board(record: RepeatRecord) -> dict[str, str]:
    """What may differ between cells of one name in a study, by the option of `export` that chooses it."""
    options = {name: record.board[name] for name in ("dataset", "split", "budget")}
    return {**options, "recipe": record.board.get("recipe_name", ""), **chosen_by(record.board)}


def _options(boards: Sequence[Mapping[str, str]]) -> list[str]:
    """For each board, the options that choose it."""
    differing = [name for name in boards[0] if len({board[name] for board in boards}) > 1] or list(boards[0])
    return sorted(" ".join(f"--{name} {b[name]}" for name in differing if b[name]) for b in boards)


def read_repeat(
    record: RepeatRecord, place: str, parameters: Mapping[str, str], predictions: Path, weights: Path
) -> KeptRepeat:
    """Read what a run logged: parameters by name, as text, and its predictions.npz.

    Raises UserError where another version of fer-bench logged it, and where its predictions are broken.
    """
    try:
        recipe = Recipe.model_validate(_with_prefix("recipe.", parameters))
        name = record.strategy.removesuffix(UNTUNED)
        strategy = STRATEGIES[name](**_with_prefix(f"{name}.", parameters))
    except (TypeError, ValidationError) as error:
        raise UserError(
            f"run {record.run_id} was logged by another version of fer-bench (commit {record.commit}), which "
            f"had other parameters: export with that one ({phrase(error)})"
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
            labels=file["test_labels"],
            val_logits=file["val_logits"],
            val_labels=file["val_labels"],
            val_ids=file["val_ids"],
            antialias=bool(file.get("antialias", False)),
            decision_offset=file.get("decision_offset", np.zeros(len(file["classes"]), "float32")),
            ids=file["test_ids"],
            weights=weights,
        )


def _with_prefix(prefix: str, parameters: Mapping[str, str]) -> dict[str, object]:
    """Logged parameters whose name begins with a prefix, without it, their values parsed."""
    return {
        name.removeprefix(prefix): _parsed(text)
        for name, text in parameters.items()
        if name.startswith(prefix)
    }


def _parsed(text: str) -> object:
    """The value that was logged as this text: JSON, or Python's None, True or False, or a word."""
    try:
        return json.loads(text)
    except ValueError:
        return {"None": None, "True": True, "False": False}.get(text, text)
