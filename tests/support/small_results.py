"""Results of a small study that never was: three classes, two strategies with two repeats, complete."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_bench.data.attributes import Attributes
from fer_bench.data.splits import scored_parts
from fer_bench.evaluation.metrics import scores
from fer_bench.hashing import bytes_digest
from fer_bench.storage.records import (
    CellStatus,
    HeldOut,
    Outputs,
    Predictions,
    RepeatRecord,
    StudyRuns,
    TrialRecord,
)

CLASSES = ("angry", "disgust", "happy")
TEST = np.repeat([0, 1, 2], [30, 6, 54])
VAL = np.repeat([0, 1, 2], [20, 4, 36])
COUNTS = np.array([200, 40, 360])
BOARD = {
    "study": "small", "recipe_name": "", "dataset": "drawn", "data_fingerprint": "f" * 64,
    "split": "official", "budget": "quick", "images": f"{COUNTS.sum()}/{len(VAL)}/{len(TEST)}",
    "shared_phases": "",
    "imbalance_ratio": "",
    "imbalance_profile": "",
    "label_noise": "",
}  # fmt: skip
OFFSETS = {"none": None, "posthoc_adjustment": np.array([0.3, 1.1, 0], "float32")}
IMAGES = HeldOut(
    TEST,
    np.arange(len(TEST)) // 2,
    np.arange(len(TEST)) % 9 > 0,
    np.array([f"face_{n}.png" for n in range(90)]),
)


GENDER = np.tile(["female", "male", ""], 30)
WITH_GENDER = replace(IMAGES, attributes=Attributes.of({"gender": GENDER}, np.arange(90)))


def outputs(strategy="none", slot=0, shift=3.0, images=IMAGES):
    rng = np.random.default_rng([slot, len(strategy)])
    logits = {
        part: (1.5 * np.eye(3)[labels] + rng.normal(size=(len(labels), 3)) + shift).astype("float32")
        for part, labels in (("test", TEST), ("val", VAL))
    }
    offset = OFFSETS[strategy]
    return Outputs(
        images=images,
        logits=logits["test"],
        predicted=(logits["test"] + (0 if offset is None else offset)).argmax(axis=1).astype("int32"),
        val_labels=VAL,
        val_logits=logits["val"],
        val_predicted=(logits["val"] + (0 if offset is None else offset)).argmax(axis=1).astype("int32"),
        classes=CLASSES,
        class_counts=COUNTS,
        history=[{"loss": 1.5, "val/macro_f1": 0.4}, {"loss": float("nan"), "val/macro_f1": 0.5}],
        parameters={"learning_rate": 1e-3},
        decision_offset=offset,
    )


def metrics(found):
    """What a run logs of its scores."""
    offset = 0 if found.decision_offset is None else found.decision_offset
    parts = {"val": (VAL, found.val_logits + offset)}
    for part, mask in scored_parts(found.images).items():
        parts[part] = TEST[mask], (found.logits + offset)[mask]
    values = {f"{part}/{k}": v for part, given in parts.items() for k, v in scores(*given, CLASSES).items()}
    return values | {"steps": 120.0, "train_seconds": 3.5}


def repeat(strategy="none", slot=0, images=IMAGES, **changes):
    found = outputs(strategy, slot, images=images)
    fields = {
        "cell": f"key-of-{strategy}", "board": BOARD, "backbone": "compact_cnn", "recipe": "r1",
        "shared_key": "shared", "selected_from": 1, "seed": 1000 + slot, "run_id": f"run-{strategy}-{slot}",
        "commit": "abc1234", "started": 1.7e9 + slot, "metrics": metrics(found),
        "tags": {"weights": "none", "test_twins": "10", "trials": "1"},
        "predictions": lambda: Predictions(found.images, found.predicted),
        "outputs": lambda: found,
    }  # fmt: skip
    return RepeatRecord(strategy=strategy, slot=slot, **(fields | changes))


def with_near_duplicates(record):
    """The same run, on images of which every fifth has a near-duplicate in train."""
    found = record.outputs()
    found = replace(found, images=replace(found.images, near_dedup=np.arange(len(TEST)) % 5 > 0))
    predictions = Predictions(found.images, found.predicted)
    changes = {"metrics": metrics(found), "predictions": lambda: predictions, "outputs": lambda: found}
    return replace(record, **changes)


def status(strategy):
    return CellStatus(
        f"key-of-{strategy}", BOARD, "compact_cnn", strategy, "r1", trials_done=1, trials_failed=0,
        trials_planned=1, repeats_done=2, repeats_planned=2,
    )  # fmt: skip


def small_results(images=IMAGES):
    trials = [TrialRecord(f"key-of-{name}", BOARD, "compact_cnn", name, 0, 7, 0.5) for name in OFFSETS]
    return StudyRuns(
        [*map(status, OFFSETS)], [repeat(name, slot, images) for name in OFFSETS for slot in (0, 1)], trials
    )


def rewritten(path: Path, change, manifest=None, keep_digests=False) -> Path:
    """A copy of a bundle whose members `change` has changed, bytes by name, hashed anew.

    `manifest` changes the manifest, a dict. With `keep_digests` nothing is hashed anew.
    """
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    about = json.loads(members.pop("manifest.json"))
    change(members)
    if not keep_digests:
        about["members"] = {name: bytes_digest(content) for name, content in members.items()}
    if manifest:
        manifest(about)
    changed = path.with_name("changed.zip")
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (*members.items(), ("manifest.json", json.dumps(about).encode())):
            file.writestr(name, content)
    return changed
