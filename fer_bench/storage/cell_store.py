"""What is kept of one cell: result files, with trials in Optuna and runs in MLflow that agree with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fer_bench.data.trial_data import TrialData
from fer_bench.storage import run_record
from fer_bench.storage.cell_runs import CellRun, scored
from fer_bench.storage.locks import cell_lock
from fer_bench.storage.records import median_place
from fer_bench.storage.result_files import Kind, Result, best
from fer_bench.storage.slot_store import SlotStore
from fer_bench.storage.stores import Stores
from fer_bench.storage.tracking import Tracker
from fer_bench.study.plan import Plan
from fer_bench.study.spec import defaults
from fer_bench.study.task import Task


class CellStore(SlotStore):
    """The trials and repeats of one locked cell."""

    kinds = ("trial", "repeat")

    def __init__(self, plan: Plan, task: Task, data: TrialData, stores: Stores) -> None:
        super().__init__(plan, task, data, stores)
        self._cell_run = CellRun(self._tracker, {**plan.tags, **run_record.cell_tags(task)})

    def _parent(self) -> str:
        return self._cell_run.begin()

    @contextlib.contextmanager
    def attempt(self, kind: Kind, slot: int, seed: int, parameters: dict[str, float]) -> Iterator[Result]:
        """As any slot's; given up in good order, the cell's run ends as well."""
        try:
            with super().attempt(kind, slot, seed, parameters) as result:
                yield result
        except BaseException:
            with contextlib.suppress(Exception):
                self._cell_run.end("KILLED")
            raise

    def reconcile(self) -> None:
        """Copy missing results between result files and databases; end runs that nobody works on."""
        self._files.tidy()
        self._fetch()
        counted = self._tracker.counted(self._task.key)
        trials, repeats = self.results("trial"), self.results("repeat")
        self._optuna.add(self._plan.experiment, self._task.cell, self._task.key, trials.values())
        chosen = self.chosen()
        current = [r for r in repeats.values() if r.parameters == chosen]
        for result in [*trials.values(), *current]:
            if counted.get((result.kind, result.slot), (0, ""))[0] < result.attempt:
                whole = self._files.whole(result)
                if whole:
                    self.enter(whole)
        self.close_orphans()
        self._cell_run.gather()

    def finish(self) -> None:
        """End what is still open, and show in MLflow what the cell has come to."""
        self.close_orphans()
        counted = self._tracker.runs(cell=self._task.key, counted="true")
        if counted:
            repeats = scored(counted)
            self._cell_run.log(repeats)
            self._cell_run.end("FINISHED" if repeats else "FAILED")

    def enter(self, result: Result) -> None:
        """Enter a result with its arrays into Optuna and MLflow, so that it counts, alone of its slot."""
        if result.kind == "trial":
            self._optuna.add(self._plan.experiment, self._task.cell, self._task.key, [result])
        super().enter(result)

    def chosen(self) -> dict[str, float] | None:
        """Parameters of the best trial, or without trials the defaults; None where none could be scored."""
        if not self._task.trials:
            return defaults(self._task.cell)
        chosen = best(self.results("trial"), self._task.trials)
        return chosen.parameters if chosen else None

    def seeds_differ(self) -> bool:
        """Whether the cell's trials have a seed each, as all had once: its other trials get theirs then."""
        return len({trial.seed for trial in self.results("trial").values()}) > 1

    def settle(self, parameters: dict[str, float]) -> None:
        """Let repeats of other parameters no longer count; note the number of trials with the others."""
        repeats = self.results("repeat")
        for (kind, slot), (_, run_id) in self._tracker.counted(self._task.key).items():
            if kind != "repeat":
                continue
            if slot in repeats and repeats[slot].parameters == parameters:
                self._tracker.tag(run_id, "trials", str(self._task.trials))
            else:
                self._tracker.discount(run_id)

    def note_seeds(self) -> None:
        """Note with the repeats that count if their parameters are the best of trials with a seed each."""
        if self.seeds_differ():
            for (kind, _), (_, run_id) in self._tracker.counted(self._task.key).items():
                if kind == "repeat":
                    self._tracker.tag(run_id, "trial_seeds", "each its own")

    def keep_weights(self, parameters: dict[str, float]) -> None:
        """Move the weights of the median repeat (or of all) into their runs; the others go.

        Where repeats were added and the file of the new median is gone, those kept before stay.
        """
        complete = [r for r in self.results("repeat").values() if r.status == "complete"]
        current = (r for r in complete if r.parameters == parameters)
        repeats = sorted(current, key=lambda r: (r.value, r.slot))
        every = self._plan.keep_weights == "all"
        kept = repeats if every else repeats[median_place(len(repeats)) :][:1]
        runs = self._tracker.counted(self._task.key)
        for result in repeats:
            path = self.weights_file(result)
            if path.is_file():
                if result in kept and ("repeat", result.slot) in runs:
                    self._tracker.attach(runs["repeat", result.slot][1], path)
                path.unlink()


def end_abandoned_runs(plan: Plan, tracker: Tracker) -> None:
    """End open runs of cells that are no longer planned and that nobody works on."""
    planned = {task.key for task in (*plan.stages, *plan.tasks)}
    for cell, run_ids in tracker.open_runs().items():
        if cell in planned:
            continue
        with cell_lock(plan.results, plan.storage, cell) as still_held:
            for run_id in run_ids if still_held else []:
                tracker.end(run_id, "KILLED")
