"""Models from elsewhere, known by what they say of test images alone: logged, and shown beside studies."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fer_bench import environment
from fer_bench.data.images import FaceImages
from fer_bench.data.model_outputs import ModelOutputs
from fer_bench.data.splits import Split, scored_parts
from fer_bench.errors import check_name
from fer_bench.evaluation.metrics import classification_report, per_class, scores
from fer_bench.files import writable
from fer_bench.hashing import digest
from fer_bench.storage.databases import tracking_uri
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.storage.mlflow_client import create_store, find_experiments, open_client
from fer_bench.storage.records import SCORED, UNKNOWN, CellStatus, RepeatRecord, safe_name
from fer_bench.storage.result_files import PREDICTIONS, Result, write_result
from fer_bench.storage.run_record import Artifacts
from fer_bench.storage.tracking import Tracker

STUDY = "models-from-elsewhere"  # that their experiments belong to
WARNING = (
    "training data unknown: test images may be among it; the interval is of this net on other images, "
    "without the noise of seeds"
)
BESIDE = ("dataset", "data_fingerprint", "split")
"""What a board must share with a study's for it to be shown beside it."""


def log_scored(mlruns: Path, name: str, images: FaceImages, parts: Split, outputs: ModelOutputs) -> None:
    """Log what a model says of the test images of a split; in place of what was logged by this name before.

    Raises UserError where the name or the folder won't do.
    """
    check_name("--name", name)
    writable(mlruns)
    create_store(mlruns)
    tracker = Tracker(mlruns, f"{STUDY}-{images.name}")
    tracker.describe({"study": STUDY, "dataset": images.name, "trials": "0", "repeats": "1"})
    tags = _tags(name, images, parts, outputs.notes)
    before = tracker.counted(tags["cell"]).values()
    tags["attempt"] = str(1 + max((attempt for attempt, _ in before), default=0))
    run_id = tracker.start(name, tags, {})
    result = _result(run_id, tags, images, parts, outputs)
    with TemporaryDirectory() as folder:
        path = Path(folder) / PREDICTIONS
        write_result(result, path)
        tracker.log_result(run_id, result, _artifacts(result, images.classes), path)
    for _, earlier in before:  # last: of two that count the younger is shown
        tracker.discount(earlier)


def _tags(name: str, images: FaceImages, parts: Split, notes: Collection[str]) -> dict[str, str]:
    key = digest([STUDY, images.fingerprint, parts.name, name])
    return {
        "study": STUDY,
        "recipe_name": SCORED,
        "dataset": images.name,
        "data_fingerprint": images.fingerprint,
        "split": parts.name,
        "scored": "true",
        "backbone": name,
        "strategy": UNKNOWN,
        "recipe": "",
        "cell": key,
        "shared_key": key,
        "kind": "repeat",
        "slot": "0",
        "seed": "0",
        "trials": "0",
        "test_twins": str(int(np.count_nonzero(~parts.dedup))),
        "selects_on_test": str(parts.selects_on_test).lower(),
        "warnings": WARNING,
        "notes": "; ".join(note.replace(";", ",") for note in (*notes, *images.notes)),
    }


def _result(
    run_id: str, tags: Mapping[str, str], images: FaceImages, parts: Split, outputs: ModelOutputs
) -> Result:
    labels, classes = images.labels[parts.test], images.classes
    numbers: dict[str, float] = {}
    for part, mask in scored_parts(parts).items():
        if mask.any():
            values = scores(labels[mask], outputs.logits[mask], classes)
            numbers |= {safe_name(f"{part}/{metric}"): value for metric, value in values.items()}
    nothing = {"val_logits": outputs.logits[:0], "val_labels": labels[:0], "val_predicted": labels[:0]}
    arrays = {
        "test_logits": outputs.logits,
        "test_labels": labels,
        "test_predicted": outputs.logits.argmax(axis=1).astype("int32"),
        "test_ids": images.ids[parts.test],
        "test_groups": images.twins()[parts.test],
        "test_dedup": parts.dedup,
        **({} if parts.near_dedup is None else {"test_near_dedup": parts.near_dedup}),
        "classes": np.array(classes),
        "class_counts": np.zeros(len(classes), "int64"),  # of what it was trained on, which nobody knows
        **nothing,
    }
    now, origin = time.time(), {"commit": environment.commit(), "weights": "unknown"}
    return Result(
        tags["cell"], "repeat", 0, int(tags["attempt"]), 0, {}, "complete", run_id, now, now,
        scores=numbers, origin=origin, arrays=arrays,
    )  # fmt: skip


def _artifacts(result: Result, classes: tuple[str, ...]) -> Artifacts:
    from fer_bench.evaluation.figures import confusion_matrix

    labels, predicted = result.arrays["test_labels"], result.arrays["test_predicted"]
    return Artifacts(
        {"per_class.json": per_class(labels, result.arrays["test_logits"], classes)},
        {"classification_report.txt": classification_report(labels, predicted, classes)},
        {"confusion_matrix.png": confusion_matrix(labels, predicted, classes)},
    )


def scored_runs(
    mlruns: Path, study: str, boards: Collection[Mapping[str, str]]
) -> tuple[list[CellStatus], list[RepeatRecord]]:
    """Models from elsewhere on the data and split of one of a study's `boards`, on boards of their own."""
    if study != STUDY and not find_experiments(open_client(tracking_uri(mlruns)), STUDY):
        return [], []
    wanted = {tuple(board.get(name, "") for name in BESIDE) for board in boards}
    _, repeats = read_study_runs(mlruns, STUDY)
    beside = [
        replace(repeat, board={**repeat.board, "study": study})
        for repeat in repeats
        if study == STUDY or tuple(repeat.board[name] for name in BESIDE) in wanted
    ]
    return [_status(repeat) for repeat in beside], beside


def _status(repeat: RepeatRecord) -> CellStatus:
    """A model is finished as soon as it is scored."""
    return CellStatus(
        repeat.cell, repeat.board, repeat.backbone, repeat.strategy, repeat.recipe,
        trials_done=0, trials_failed=0, trials_planned=0, repeats_done=1, repeats_planned=1,
    )  # fmt: skip
