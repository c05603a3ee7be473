"""What is kept of one stage: the result of its training, and the weights that trainings go on from."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fer_bench.errors import UserError
from fer_bench.files import copy_file
from fer_bench.hashing import file_digest
from fer_bench.storage.result_files import Result, ResultFiles
from fer_bench.storage.slot_store import SlotStore

HASH = "stage_hash"  # among a result's origin: SHA-256 of the weights


@dataclass(frozen=True)
class FinishedStage:
    """A stage on this machine: its weights, their SHA-256, and what it cost; an error if it failed."""

    key: str
    slot: int
    weights: Path
    sha256: str
    seconds: float
    error: str = ""

    def check(self) -> None:
        """Raise UserError where the weights are not those that the stage left."""
        try:
            found = file_digest(self.weights)
        except OSError as error:
            found = f"unreadable ({error.strerror})"
        if found != self.sha256:
            raise UserError(
                f"{self.weights}: a stage's weights are damaged or others (SHA-256 {found[:12]}, expected "
                f"{self.sha256[:12]}); delete the folder {self.weights.parent}, and the next run fetches or "
                "trains the stage again"
            )


def finished_stage(results: Path, key: str, slot: int) -> FinishedStage | None:
    """A stage that is finished and whose files are on this machine; None for any other."""
    files = ResultFiles(results, key)
    result = files.results("stage").get(slot)
    if result is None:
        return None
    weights = files.folder / f"stage-{slot:03}-{result.attempt}.weights.h5"
    if result.status == "complete" and not weights.is_file():
        return None
    return FinishedStage(
        key=key,
        slot=slot,
        weights=weights,
        sha256=result.origin.get(HASH, ""),
        seconds=result.facts.get("train_seconds", 0.0),
        error=result.error,
    )


class StageStore(SlotStore):
    """The one training of a locked stage."""

    kinds = ("stage",)

    def reconcile(self, slot: int) -> None:
        """Copy a missing result and its weights between files and MLflow; end runs that nobody works on.

        A result whose weights are gone for good is removed: the stage is trained again.
        """
        self._files.tidy()
        self._fetch()
        result = self.results("stage").get(slot)
        counted = self._tracker.counted(self._task.key).get(("stage", slot))
        complete = result is not None and result.status == "complete"
        if result and complete and not self._has_weights(result, counted[1] if counted else ""):
            self._files.remove(result)
            result = None
        if result and (counted is None or counted[0] < result.attempt):
            whole = self._files.whole(result)
            if whole:
                self.enter(whole)
        self.close_orphans()

    def _has_weights(self, result: Result, run_id: str) -> bool:
        """Whether a result's weights are here, or could be fetched from its run."""
        target = self.weights_file(result)
        if target.is_file() or not run_id:
            return target.is_file()
        with tempfile.TemporaryDirectory() as folder:
            file = self._tracker.fetch(run_id, target.name, Path(folder))
            if file is None:
                return False
            copy_file(file, target)
        return True

    def enter(self, result: Result) -> None:
        """Enter a result and its weights into MLflow, so that other machines find both."""
        super().enter(result)
        weights = self.weights_file(result)
        counted = self._tracker.counted(self._task.key).get(("stage", result.slot))
        if weights.is_file() and counted:
            self._tracker.attach(counted[1], weights)
