"""A study's results in one file: what leaderboard and report read, without images and without the stores."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np

from fer_bench.errors import UserError
from fer_bench.hashing import bytes_digest
from fer_bench.storage.bundle_format import MOST_CLASSES, read_texts
from fer_bench.storage.bundle_zip import MANIFEST, STUDY, BundleZip, most_bytes
from fer_bench.storage.records import HeldOut, Outputs, Predictions, RepeatRecord, StudyRuns

ARRAYS = {"labels": "<i4", "groups": "<i8", "dedup": "|b1", "ids": "<u8", "val_labels": "<i4"}
NEAR = "near_dedup"  # an array more, of images whose near-duplicates are known
DECISIONS = "<u2"
SCALARS = (
    *("cell", "board", "backbone", "strategy", "recipe", "shared_key", "selected_from", "slot", "seed"),
    *("run_id", "commit", "started", "tags"),
)
"""Fields that a stored run shares with a record."""


def id_hashes(ids: np.ndarray) -> np.ndarray:
    """First 64 bits of the SHA-256 of each image's id, (n,) uint64: names of files are nobody's business."""
    digests = (hashlib.sha256(str(each).encode()).digest()[:8] for each in ids)
    return np.fromiter((int.from_bytes(each, "big") for each in digests), np.uint64, len(ids))


def hash_names(hashes: np.ndarray) -> np.ndarray:
    """Hashes (n,) uint64 as the ids of images, (n,) str of 16 hex digits."""
    return np.array([f"{value:016x}" for value in hashes.tolist()], dtype="U16")


def images_of(arrays: Mapping[str, np.ndarray]) -> HeldOut:
    """The test images of a set; their ids are the hashes of what they were."""
    ids = hash_names(arrays["ids"])
    return HeldOut(arrays["labels"], arrays["groups"], arrays["dedup"], ids, arrays.get(NEAR))


def array_types(near: bool) -> dict[str, str]:
    """Types of the arrays of a set of images by their names; `near`: whether near-duplicates are known."""
    return {**ARRAYS, NEAR: ARRAYS["dedup"]} if near else ARRAYS


class Bundle:
    """An opened bundle; UserError in one line where it isn't one, or is not as it was written.

    With `trusting` members are also read where their SHA-256 isn't the manifest's.
    """

    def __init__(self, path: Path, trusting: bool = False) -> None:
        self.file, self._trusting = BundleZip(path), trusting
        self.manifest, self.study = read_texts(self.file)
        self._check_members()
        self._check_intact(STUDY, self.file.read(STUDY))
        self.images = cache(self._images)

    def _check_members(self) -> None:
        """Raise UserError unless the members are those that study and manifest speak of."""
        study = self.study
        wanted = {STUDY}
        wanted |= {
            f"images/{n:04}/{name}.npy" for n, of in enumerate(study.images) for name in array_types(of.near)
        }
        wanted |= {f"runs/{n:04}/predicted.npy" for n in range(len(study.runs))}
        wanted |= {f"runs/{n:04}/logits.npy" for n, run in enumerate(study.runs) if run.logits}
        for names, words in ((self.manifest.members.keys(), "its manifest"), (wanted, "its study")):
            if odd := sorted((self.file.names - {MANIFEST}) ^ set(names)):
                raise self.file.refusal(f"{words} and its members differ in {odd[0]!r}")
        for number, run in enumerate(study.runs):
            classes = len(run.classes)
            lengths = {classes, len(run.class_counts), len(run.decision_offset or run.classes)}
            if run.images >= len(study.images) or len(lengths) > 1 or (run.logits and not classes):
                raise self.file.refusal(f"run {number} doesn't fit its images or its classes")

    def intact(self, name: str, content: bytes) -> bool:
        """Whether a member has the SHA-256 that the manifest gives."""
        return bytes_digest(content) == self.manifest.members[name]

    def array(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        """A member's array; UserError where its SHA-256 isn't the manifest's."""
        content = self.file.read(name, most_bytes(dtype, shape))
        self._check_intact(name, content)
        return self.file.array(name, content, dtype, shape)

    def _check_intact(self, name: str, content: bytes) -> None:
        if not self._trusting and not self.intact(name, content):
            raise UserError(
                f"{self.file.path}: {name} was changed since it was written: fer-bench verify names all that "
                "doesn't fit; get the file again"
            )

    def _images(self, number: int) -> tuple[HeldOut, np.ndarray]:
        """Test images of a set, and labels of its validation."""
        size = self.study.images[number]
        arrays = {
            name: self.array(
                f"images/{number:04}/{name}.npy",
                dtype,
                (size.validation if name == "val_labels" else size.test,),
            )
            for name, dtype in array_types(size.near).items()
        }
        for name in {"dedup", NEAR} & arrays.keys():
            if len(arrays[name]) and arrays[name].view("u1").max() > 1:
                raise self.file.refusal(f"images/{number:04}/{name}.npy has values beside yes and no")
        for name in ("labels", "val_labels"):
            if len(arrays[name]) and arrays[name].min() < 0:
                raise self.file.refusal(f"images/{number:04}/{name}.npy has labels below 0")
        return images_of(arrays), arrays["val_labels"]

    def predictions(self, number: int) -> Predictions:
        """What a run predicts for its test images."""
        run = self.study.runs[number]
        size, (held_out, _) = self.study.images[run.images], self.images(run.images)
        return Predictions(held_out, self._decided(number)[size.validation :])

    def _decided(self, number: int) -> np.ndarray:
        """Decisions (n_val + n,) int32 of a run, checked to be classes: tables are as large as these say."""
        run, name = self.study.runs[number], f"runs/{number:04}/predicted.npy"
        size = self.study.images[run.images]
        decided = self.array(name, DECISIONS, (size.validation + size.test,)).astype("int32")
        held_out, val_labels = self.images(run.images)
        most = len(run.classes) or MOST_CLASSES
        for values in (decided, held_out.labels, val_labels):
            if len(values) and values.max() >= most:
                raise self.file.refusal(f"{name} or its labels name a class beyond the {most}")
        return decided

    def outputs(self, number: int) -> Outputs:
        """Logits of a run, those of an image less their greatest, and how it was trained.

        UserError where they weren't to be had when the bundle was made.
        """
        run = self.study.runs[number]
        if run.logits is None:
            raise UserError(
                f"{self.file.path} has no logits of run {run.run_id}: it was logged by a fer-bench that "
                f"didn't keep all that belongs to them (commit {run.commit}); leaderboard can read it"
            )
        size, name = self.study.images[run.images], f"runs/{number:04}/logits.npy"
        shape = size.validation + size.test, len(run.classes)
        logits = self.array(name, run.logits, shape).astype("float32")
        if not np.isfinite(logits).all():
            raise self.file.refusal(f"{name} has values that are no numbers")
        decided, (held_out, val_labels) = self._decided(number), self.images(run.images)
        n = size.validation
        return Outputs(
            images=held_out,
            logits=logits[n:],
            predicted=decided[n:],
            val_labels=val_labels,
            val_logits=logits[:n],
            val_predicted=decided[:n],
            classes=run.classes,
            class_counts=np.array(run.class_counts, "int64"),
            history=[_numbers(row) for row in run.history],
            parameters=_numbers(run.parameters),
            decision_offset=None if run.decision_offset is None else np.array(run.decision_offset, "float32"),
        )

    def runs(self) -> StudyRuns:
        """All that is known of the study; predictions and logits are read when they are asked for."""
        repeats = [
            RepeatRecord(
                **{name: getattr(run, name) for name in SCALARS},
                metrics=_numbers(run.metrics),
                predictions=partial(self.predictions, number),
                outputs=partial(self.outputs, number),
            )
            for number, run in enumerate(self.study.runs)
        ]
        return StudyRuns(self.study.statuses, repeats, self.study.trials)


def _numbers(stored: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in stored.items()}
