"""What is kept of the slots of one cell or stage: result files, and runs in MLflow that agree with them."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from fer_bench.data.trial_data import TrialData
from fer_bench.files import copy_file
from fer_bench.storage import run_record
from fer_bench.storage.result_files import PREDICTIONS, Kind, Result, ResultFiles, write_result
from fer_bench.storage.stores import Stores
from fer_bench.strategies.base import Strategy
from fer_bench.study.plan import Plan
from fer_bench.study.recipe import Settings
from fer_bench.study.task import Task


class SlotStore:
    """What is kept of one locked cell or stage.

    Whatever is done here may be done again: it changes nothing then.
    """

    kinds: ClassVar[tuple[Kind, ...]]

    def __init__(self, plan: Plan, task: Task, data: TrialData, stores: Stores) -> None:
        self._plan, self._task, self._data = plan, task, data
        self._tracker, self._optuna = stores.tracker, stores.optuna
        self._files = ResultFiles(plan.results, task.key)

    def results(self, kind: Kind) -> dict[int, Result]:
        """Finished slots without their arrays, of each the latest attempt."""
        return self._files.results(kind)

    def lost(self, kind: Kind, slot: int) -> int:
        """How many attempts at a slot were killed since one got further than those before it."""
        return self._files.lost(kind, slot)

    def origin(self, strategy: Strategy, used: Settings) -> dict[str, str]:
        """Where the numbers of a result with this strategy and these settings come from."""
        planned = {"planned_repeats": str(self._plan.repeats)}
        return run_record.origin(self._task, self._data, strategy, used) | planned

    def _fetch(self) -> None:
        """Copy results that count in MLflow and aren't here: made on another machine, or deleted here."""
        here = {kind: self.results(kind) for kind in self.kinds}
        for (kind, slot), (_, run_id) in self._tracker.counted(self._task.key).items():
            if slot in here[kind]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                file = self._tracker.fetch(run_id, PREDICTIONS, Path(folder))
                if file:
                    self._files.adopt(file)

    def close_orphans(self) -> None:
        """End the open runs of its slots: whoever began them is gone."""
        for run in self._tracker.runs("RUNNING", cell=self._task.key):
            if run.tags["kind"] in self.kinds:
                self._tracker.end(run.run_id, "KILLED")

    @contextlib.contextmanager
    def attempt(self, kind: Kind, slot: int, seed: int, parameters: dict[str, float]) -> Iterator[Result]:
        """Begin an attempt at a slot; gives its result, to be completed and saved in the block.

        Given up in good order it is taken back, and its run marked KILLED.
        """
        number, run_id = self._files.begin(kind, slot), ""
        try:
            run_id = self._begin_run(kind, slot, number, seed, parameters)
            yield Result(
                self._task.key, kind, slot, number, seed, parameters, "complete", run_id, time.time()
            )
        except BaseException:
            self._files.withdraw(kind, slot, number)
            if run_id:
                with contextlib.suppress(Exception):
                    self._tracker.end(run_id, "KILLED")
            raise

    def _begin_run(self, kind: Kind, slot: int, attempt: int, seed: int, parameters: dict[str, float]) -> str:
        cell = self._task.cell
        return self._tracker.start(
            run_record.run_name(cell, kind, slot),
            run_record.run_tags(self._plan, self._task, kind, slot, attempt, seed),
            run_record.run_parameters(cell, parameters),
            self._parent(),
        )

    def _parent(self) -> str:
        """Id of the run that the slots' runs are nested under; "" for none."""
        return ""

    def log_epoch(self, result: Result, epoch: int, row: dict[str, float]) -> None:
        """Log an epoch of a running attempt, number from 1, and that the attempt got so far.

        A store that is away for a moment costs no trial: the result brings all epochs again.
        """
        self._files.note(result.kind, result.slot, result.attempt, epoch)
        with contextlib.suppress(Exception):
            self._tracker.log_epoch(result.run_id, epoch, row)

    def save(self, result: Result) -> None:
        """Write the result file; raises OSError where the disk won't take it, and then there is none."""
        self._files.save(result)

    def enter(self, result: Result) -> None:
        """Enter a result with its arrays into MLflow, so that it counts, alone of its slot."""
        run_id = result.run_id
        if not self._tracker.has(run_id):  # trained under another study, or its run was deleted
            self._bring_weights_back(result)
            run_id = self._begin_run(result.kind, result.slot, result.attempt, result.seed, result.parameters)
        before = self._tracker.counted(self._task.key).get((result.kind, result.slot))
        if before and before[1] != run_id:
            self._tracker.discount(before[1])
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / PREDICTIONS
            write_result(replace(result, arrays=result.arrays | run_record.about_the_data(self._data)), copy)
            artifacts = run_record.artifacts(result, self._task.cell, self._data.classes)
            self._tracker.log_result(run_id, result, artifacts, copy)

    def _bring_weights_back(self, result: Result) -> None:
        """Copy weights that were kept with an earlier run to where `keep_weights` looks for them."""
        target = self.weights_file(result)
        run = self._plan.mlruns / "artifacts" / self._plan.experiment / result.run_id
        kept = run / "artifacts" / target.name
        if kept.is_file():
            copy_file(kept, target)

    def weights_file(self, result: Result) -> Path:
        """Where an attempt leaves the weights of its net."""
        return self._files.folder / f"{result.kind}-{result.slot:03}-{result.attempt}.weights.h5"

    def checkpoint_file(self, result: Result) -> Path:
        """Where a slot's training is saved until it has a result, for its next attempt to go on from."""
        return self._files.checkpoint(result.kind, result.slot)
