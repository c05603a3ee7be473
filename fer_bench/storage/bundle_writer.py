"""Writing a study's results into one file: a bundle, without images and without weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fer_bench import environment
from fer_bench.errors import UserError
from fer_bench.files import atomic
from fer_bench.storage.bundle import DECISIONS, NEAR, SCALARS, array_types, id_hashes, images_of
from fer_bench.storage.bundle_format import (
    CONTROL,
    FORMAT,
    LONGEST,
    VERSION,
    ImageSet,
    Manifest,
    StoredRun,
    StoredStudy,
    data_fingerprints,
    study_fingerprint,
)
from fer_bench.storage.bundle_zip import STUDY, array_bytes, write_zip
from fer_bench.storage.decisions import without_loss
from fer_bench.storage.records import Outputs, RepeatRecord, StudyRuns


@dataclass(frozen=True)
class Written:
    """What a bundle holds: repeats, how many of them with logits of 32 bits, and how many with none."""

    repeats: int
    whole: int
    without: int


def write_bundle(runs: StudyRuns, study: str, path: Path) -> Written:
    """Write a study's runs to a file, completely or not at all.

    Logits are kept less the greatest of their image, which changes no probability, and as float16 where that
    changes no decision. Raises UserError where a run's predictions can't be read, or `path` can't be written.
    """
    content = _Content()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            write_zip(temporary, content.members(runs, study), partial(_manifest, content))
    except OSError as error:
        raise UserError(f"--out {path}: can't be written ({error.strerror or error}); name a file") from None
    kinds = [run.logits for run in content.runs]
    return Written(len(kinds), kinds.count("<f4"), kinds.count(None))


class _Content:
    """The members of a bundle, made one after the other."""

    def __init__(self) -> None:
        self.runs: list[StoredRun] = []
        self.sets: dict[bytes, ImageSet] = {}
        self.test_images: list[str] = []
        self.study: StoredStudy

    def members(self, runs: StudyRuns, study: str) -> Iterator[tuple[str, bytes]]:
        for number, record in enumerate(runs.repeats):
            outputs = _outputs(record)
            place, fresh = self._images(outputs)
            for name, array in fresh.items():
                yield f"images/{place:04}/{name}.npy", array_bytes(array)
            decisions = np.concatenate([outputs.val_predicted, outputs.predicted]).astype(DECISIONS)
            yield f"runs/{number:04}/predicted.npy", array_bytes(decisions)
            logits = without_loss(outputs, record.strategy) if len(outputs.classes) else None
            if logits is not None:
                yield f"runs/{number:04}/logits.npy", array_bytes(logits)
            self.runs.append(_stored(record, outputs, place, logits))
        self.study = StoredStudy(
            study=study,
            statuses=[
                replace(status, warnings=tuple(map(_printable, status.warnings))) for status in runs.statuses
            ],
            trials=runs.trials,
            images=list(self.sets.values()),
            runs=self.runs,
        )
        yield STUDY, self.study.model_dump_json().encode()

    def _images(self, outputs: Outputs) -> tuple[int, dict[str, np.ndarray]]:
        """Number of the set of images that a run was scored on, and its arrays if no run before had it."""
        held_out = outputs.images
        arrays = {
            "labels": held_out.labels,
            "groups": held_out.groups,
            "dedup": held_out.dedup,
            "ids": id_hashes(held_out.ids),
            "val_labels": outputs.val_labels,
        }
        near = held_out.near_dedup
        arrays |= {} if near is None else {NEAR: near}
        types = array_types(near is not None)
        arrays = {name: np.asarray(array).astype(types[name]) for name, array in arrays.items()}
        key = b"".join(hashlib.sha256(array.tobytes()).digest() for array in arrays.values())
        if key in self.sets:
            return list(self.sets).index(key), {}
        self.sets[key] = ImageSet(
            test=len(held_out.labels), validation=len(outputs.val_labels), near=near is not None
        )
        self.test_images.append(images_of(arrays).digest)
        return len(self.sets) - 1, arrays


def _outputs(record: RepeatRecord) -> Outputs:
    """What a run put out; of one logged without classes what it predicts, without classes and validation."""
    try:
        return record.outputs()
    except UserError:
        found, nothing = record.predictions(), np.zeros(0, "int32")
        logits = np.zeros((0, 0), "float32")
        return Outputs(found.images, logits, found.predicted, nothing, logits, nothing, (), nothing, [], {})


def _stored(record: RepeatRecord, outputs: Outputs, place: int, logits: np.ndarray | None) -> StoredRun:
    offset = outputs.decision_offset
    fields = {name: getattr(record, name) for name in SCALARS}
    tags = {name: _printable(value) for name, value in record.tags.items()}
    return StoredRun(
        **{**fields, "tags": tags},
        metrics=_finite(record.metrics),
        images=place,
        logits=None if logits is None else "<f2" if logits.dtype == np.float16 else "<f4",
        classes=outputs.classes,
        class_counts=tuple(map(int, outputs.class_counts)),
        history=tuple(map(_finite, outputs.history)),
        parameters=_finite(outputs.parameters),
        decision_offset=None if offset is None else tuple(map(float, offset)),
    )


def _printable(text: str) -> str:
    """A text without control characters, such as the colours in a library's error."""
    return CONTROL.sub(" ", text)[:LONGEST]


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}


def _manifest(content: _Content, digests: dict[str, str]) -> bytes:
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        study=content.study.study,
        study_fingerprint=study_fingerprint(content.study),
        data_fingerprints=data_fingerprints(content.study),
        test_images=tuple(content.test_images),
        made_by={"commit": environment.commit(), "fer-bench": environment.versions().get("fer-bench", "")},
        members=digests,
    )
    return manifest.model_dump_json(indent=1).encode()
