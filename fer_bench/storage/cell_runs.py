"""What MLflow shows of a whole cell: a run of kind `cell`, its trials and repeats nested under it.

It is derived. Nothing that counts is read from it, and it can be made anew from the cell's runs at any time;
whatever is done here may be done again, and changes nothing then.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fer_bench.evaluation.intervals import mean_and_sd
from fer_bench.storage.databases import tracking_uri
from fer_bench.storage.mlflow_client import LoggedRun, find_experiments, open_client, search_runs
from fer_bench.storage.mlflow_view import show_cells_first
from fer_bench.storage.records import BOARD
from fer_bench.storage.run_record import Artifacts
from fer_bench.storage.tracking import Tracker

CELL, STUDY = "cell", "study"  # kinds of runs beside those of `result_files.Kind`; they never count
ABOUT = (*BOARD, "backbone", "strategy", "recipe", "cell")  # tags that a cell has in common with its runs
# How a cell's scores of them begin.
SUBSETS = {"test": "", "test_dedup": "dedup/", "test_near_dedup": "near_dedup/", "val": "val/"}
F1 = "f1/"

PLACE = ("recipe_name", "dataset", "budget")  # which tell the experiments of a study apart
CellNumbers = Mapping[tuple[str, str, str, str], Mapping[str, float]]
"""Numbers by the names of MLflow's metrics, for each cell by the values of PLACE and its key."""


class CellRun:
    """The run of one cell in an experiment; `tags` are those of any of the cell's runs."""

    def __init__(self, tracker: Tracker, tags: Mapping[str, str]) -> None:
        self._tracker = tracker
        self._tags = {key: tags[key] for key in ABOUT if key in tags} | {"kind": CELL}
        self._begun = ""

    def begin(self) -> str:
        """Make the run if there is none, and let it go on if it was ended; its id."""
        if not self._begun:
            run = self._run()
            if run.status != "RUNNING":
                self._tracker.reopen(run.run_id)
            self._begun = run.run_id
        return self._begun

    def gather(self) -> None:
        """Nest the cell's runs that are not nested yet, as those that were made before there were cells'."""
        runs = [run for run in self._tracker.runs(cell=self._tags["cell"]) if run.tags["kind"] != CELL]
        if runs:
            parent = self._run().run_id
            for run in runs:
                if run.parent != parent:
                    self._tracker.nest(run.run_id, parent)

    def log(self, repeats: Sequence[LoggedRun], more: Mapping[str, float] | None = None) -> None:
        """Log means and standard deviations over counted repeats, and `more` numbers where they are known.

        What was logged and isn't among them becomes NaN where anything has changed, or `more` is given.
        """
        run, numbers = self._run(), summary(repeats) | dict(more or {})
        changed = {key: value for key, value in numbers.items() if not _same(run.metrics.get(key), value)}
        others = {key for key, value in run.metrics.items() if key not in numbers and not math.isnan(value)}
        if not changed and (more is None or not others):
            return
        self._tracker.log_artifacts(run.run_id, Artifacts({"per_class.json": _per_class(numbers)}))
        self._tracker.note(run.run_id, _note(self._tags, len(repeats), numbers))
        # Last, as by these it is known that all is done.
        self._tracker.log_numbers(run.run_id, changed | dict.fromkeys(others, math.nan))

    def end(self, status: str) -> None:
        """End the run, if there is one and it goes on or ended otherwise."""
        for run in self._tracker.runs(kind=CELL, cell=self._tags["cell"])[:1]:
            if run.status != status:
                self._tracker.end(run.run_id, status)
        self._begun = ""

    def _run(self) -> LoggedRun:
        backbone, strategy = self._tags["backbone"], self._tags["strategy"]
        parameters = {"backbone": backbone, "strategy": strategy}
        return self._tracker.only(("kind", "cell"), f"{strategy} on {backbone}", self._tags, parameters)


def summary(repeats: Sequence[LoggedRun]) -> dict[str, float]:
    """Mean over repeats of each score, under `sd/` their standard deviations, and the number of repeats.

    Scores of test have their plain names, as on a leaderboard.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for run in repeats:
        for key, value in run.metrics.items():
            subset, _, score = key.partition("/")
            if subset in SUBSETS:
                values[f"{SUBSETS[subset]}{score}"].append(value)
    numbers: dict[str, float] = {"repeats": len(repeats)}
    for name in sorted(values):
        numbers[name], sd = mean_and_sd(values[name])
        numbers |= {f"sd/{name}": sd} if not math.isnan(sd) else {}
    return numbers


def scored(runs: Sequence[LoggedRun]) -> list[LoggedRun]:
    """Those of a cell's runs that are repeats with a score, in order of their slots."""
    repeats = [run for run in runs if run.tags["kind"] == "repeat" and "test/macro_f1" in run.metrics]
    return sorted(repeats, key=lambda run: int(run.tags["slot"]))


def show_cells(mlruns: Path, study: str, numbers: CellNumbers, only: Collection[str] = ()) -> None:
    """Bring the runs of a study's cells up to date, in all of its experiments or in `only` some.

    `numbers` are logged beside means and standard deviations. Raises UserError where the folder was moved.
    """
    for name, tags in find_experiments(open_client(tracking_uri(mlruns)), study).values():
        if not only or name in only:
            tracker = Tracker(mlruns, name)
            here = tuple(tags.get(key, "") for key in PLACE)
            _show_cells(tracker, {key[-1]: more for key, more in numbers.items() if key[:-1] == here})


def _show_cells(tracker: Tracker, numbers: Mapping[str, Mapping[str, float]]) -> None:
    cells: dict[str, list[LoggedRun]] = defaultdict(list)
    for run in tracker.runs(kind="repeat", counted="true"):
        cells[run.tags["cell"]].append(run)
    shown = {run.tags["cell"]: run.run_id for run in tracker.runs(kind=CELL)}
    for key, repeats in cells.items():
        cell = CellRun(tracker, repeats[0].tags)
        if any(repeat.parent != shown.get(key) for repeat in repeats):
            cell.gather()
        cell.log(scored(repeats), numbers.get(key))
        if key not in shown:
            cell.end("FINISHED")
    names = {name for repeats in cells.values() for name in summary(repeats)}
    show_cells_first(tracker, [name.removeprefix(F1) for name in names if name.startswith(F1)])


def log_study_files(mlruns: Path, study: str, files: Collection[Path], only: Collection[str] = ()) -> None:
    """Copy files about a whole study, such as its report, into a run of kind `study` of its experiments."""
    for name, _ in find_experiments(open_client(tracking_uri(mlruns)), study).values():
        if not only or name in only:
            tracker = Tracker(mlruns, name)
            run = tracker.only(
                ("kind",), f"leaderboard and report of {study}", {"study": study, "kind": STUDY}, {}
            )
            for file in files:
                tracker.attach(run.run_id, file)
            if run.status != "FINISHED":
                tracker.end(run.run_id, "FINISHED")


def study_run(mlruns: Path, experiment: str) -> str:
    """Id of the run with the files about an experiment's study; "" where there is none."""
    runs = search_runs(open_client(tracking_uri(mlruns)), [experiment], kind=STUDY)
    return next((run.run_id for run in runs), "")


def _same(logged: float | None, value: float) -> bool:
    return logged is not None and math.isclose(logged, value, rel_tol=1e-9)


def _per_class(numbers: Mapping[str, float]) -> list[dict[str, object]]:
    """A row for each class: F1 on test, mean over repeats, and its standard deviation."""
    return [
        {
            "class": name.removeprefix(F1),
            "f1": round(value, 4),
            "sd": round(numbers[f"sd/{name}"], 4) if f"sd/{name}" in numbers else None,
        }
        for name, value in numbers.items()
        if name.startswith(F1)
    ]


def _note(tags: Mapping[str, str], repeats: int, numbers: Mapping[str, float]) -> str:
    score, low, high = (numbers.get(f"{part}macro_f1", math.nan) for part in ("", "low/", "high/"))
    interval = "" if math.isnan(low) else f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
    return (
        f"`{tags['strategy']}` on `{tags['backbone']}`: macro-F1 on test **{100 * score:.1f} %**{interval}, "
        f"mean of {repeats} repeats.\n\n"
        "Metrics are means over the counted repeats that are nested here: of test by their plain names, "
        "`dedup/` without test images that are also in train or val, `near_dedup/` without near-duplicates "
        "of these, `val/` of validation. `sd/` is the standard deviation over repeats, `low/` and `high/` "
        "the 95 % interval over images and seeds, `gain` the difference to the strategy none."
    )
