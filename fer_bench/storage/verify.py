"""Whether a bundle fits itself: every score recomputed from logits and decisions, every hash compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_bench.data.attributes import LONGEST, Attributes
from fer_bench.data.images import FaceImages
from fer_bench.data.splits import scored_parts
from fer_bench.datasets.base import open_dataset
from fer_bench.errors import UserError
from fer_bench.evaluation.metrics import scores
from fer_bench.storage.bundle import Bundle, hash_names, id_hashes
from fer_bench.storage.bundle_format import StoredRun, data_fingerprints, study_fingerprint
from fer_bench.storage.bundle_zip import MANIFEST
from fer_bench.storage.decisions import adjusted
from fer_bench.storage.records import PLACE, CellStatus, Outputs, Predictions, TrialRecord, safe_name

LOSS = 2e-4  # by which one may be off, as logits are rounded; decisions and what follows from them are exact
EXACT = 1e-9
ROUNDING = {"<f2": 2.0**-10, "<f4": 2.0**-20}  # relative, of two logits that are compared


@dataclass
class Verified:
    """What a bundle holds, how many of its numbers were recomputed, and what doesn't fit, a line each.

    `datasets` are those that are here and that labels were compared with, `attributes` the numbers of the
    sets of images of which all attributes were; `given` says what nothing could confirm.
    """

    study: str
    repeats: int
    cells: int
    members: int
    numbers: int = 0
    faults: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)
    attributes: set[int] = field(default_factory=set)
    given: list[str] = field(default_factory=list)


def verify(path: Path) -> Verified:
    """Check all of a bundle; UserError where it can't even be read as one."""
    bundle = Bundle(path, trusting=True)
    runs = bundle.study.runs
    found = Verified(
        bundle.study.study, len(runs), len({run.cell for run in runs}), len(bundle.manifest.members)
    )
    for check in (_changed(bundle), _manifest(bundle), _counts(bundle), _images_here(bundle, found)):
        try:
            found.faults += check
        except UserError as error:
            found.faults.append(str(error))
    unconfirmed: Counter[str] = Counter()
    for number, run in enumerate(runs):
        faults = _run(bundle, number, run, found, unconfirmed)
        found.faults += [f"{run.backbone}/{run.strategy} repeat {run.slot}: {fault}" for fault in faults]
    found.given = [f"{what} of {count:,} repeats" for what, count in unconfirmed.items()]
    return found


def _changed(bundle: Bundle) -> Iterator[str]:
    """Members that aren't what the manifest says."""
    for name in sorted(bundle.file.names - {MANIFEST}):
        try:
            if not bundle.intact(name, bundle.file.read(name)):
                yield f"{name} isn't what was written: its SHA-256 differs from the manifest's"
        except UserError as error:
            yield str(error)


def _manifest(bundle: Bundle) -> Iterator[str]:
    """What the manifest says otherwise than the study and the arrays."""
    manifest, study = bundle.manifest, bundle.study
    digests = tuple(bundle.images(n)[0].digest for n in range(len(study.images)))
    for words, said, found in (
        ("study", manifest.study, study.study),
        ("study_fingerprint", manifest.study_fingerprint, study_fingerprint(study)),
        ("data_fingerprints", manifest.data_fingerprints, data_fingerprints(study)),
        ("test_images", manifest.test_images, digests),
    ):
        if said != found:
            yield f"{MANIFEST}: {words} is {said}, the content says {found}"


def _counts(bundle: Bundle) -> Iterator[str]:
    """Cells whose repeats or trials aren't as many as their status says."""
    repeats, trials = defaultdict(set), defaultdict(set)
    for run in bundle.study.runs:
        repeats[_place(run)].add(run.slot)
    for trial in bundle.study.trials:
        if trial.value is not None:
            trials[_place(trial)].add(trial.slot)
    for status in bundle.study.statuses:
        here = len(repeats[_place(status)]), len(trials[_place(status)])
        name = f"{status.backbone}/{status.strategy} (cell {status.cell})"
        if here[0] != status.repeats_done:
            yield f"{name}: {status.repeats_done} repeats were done, and {here[0]} are here"
        if here[1] < status.trials_done:
            yield f"{name}: {status.trials_done} trials were done, and {here[1]} are here"


def _place(record: StoredRun | TrialRecord | CellStatus) -> tuple[str, ...]:
    """A cell and its experiment: one may be repeated in several budgets."""
    return record.cell, *(record.board.get(name, "") for name in PLACE)


def _images_here(bundle: Bundle, found: Verified) -> Iterator[str]:
    """Labels of test images that aren't those of the dataset, where the very same one is here."""
    tested = {
        (run.images, run.board.get("dataset", ""), run.board.get("data_fingerprint", ""), run.classes)
        for run in bundle.study.runs
        if run.classes
    }
    for number, name, fingerprint, classes in sorted(tested):
        try:
            images = open_dataset(name)
        except UserError:
            continue
        if images.fingerprint != fingerprint:
            continue
        found.datasets = sorted({*found.datasets, name})
        held_out, _ = bundle.images(number)
        here = dict(zip(hash_names(id_hashes(images.ids)).tolist(), range(len(images)), strict=True))
        places = np.array([here.get(each, -1) for each in held_out.ids.tolist()], int)
        odd = int(((places < 0) | (images.labels[places] != held_out.labels)).sum())
        if odd or classes != images.classes:
            yield f"images {number}: {odd:,} of {len(places):,} labels, or the classes, aren't {name}'s"
        if held_out.attributes and (places >= 0).all():
            if held_out.attributes.values.keys() <= images.attributes.keys():
                found.attributes.add(number)
            yield from _attributes_here(number, held_out.attributes, images, places)


def _attributes_here(
    number: int, attributes: Attributes, images: FaceImages, places: np.ndarray
) -> Iterator[str]:
    """Attributes of test images that aren't those of the dataset, where these are in `places` (n,)."""
    for name in sorted(attributes.values.keys() & images.attributes.keys()):
        known, words = images.attributes[name][places], np.full(len(places), "", f"U{LONGEST}")
        for value, members in attributes.groups(name).items():
            words[members] = value
        if odd := int((words != known).sum()):
            yield f"images {number}: {odd:,} of {len(places):,} values of {name} aren't {images.name}'s"


def _run(
    bundle: Bundle, number: int, run: StoredRun, found: Verified, unconfirmed: Counter[str]
) -> Iterator[str]:
    """What of a run doesn't fit; counts what was recomputed, and what could not be."""
    if bundle.study.images[run.images].attributes and run.images not in found.attributes:
        unconfirmed["attributes of the test images"] += 1
    try:
        if run.logits is None:
            unconfirmed["logits, scores of each class and all of validation"] += 1
            yield from _compare(run, _without_classes(bundle.predictions(number)), found)
            return
        outputs = bundle.outputs(number)
        yield from _sizes(run, outputs)
        yield from _compare(run, _from_decisions(outputs), found)
        yield from _by_logits(run, outputs, found, unconfirmed)
    except (UserError, ValueError) as error:
        yield f"can't be recomputed: {error}"


def _sizes(run: StoredRun, outputs: Outputs) -> Iterator[str]:
    """Numbers of images that its board and tags say otherwise."""
    train = int(outputs.class_counts.sum())
    here = f"{train}/{len(outputs.val_labels)}/{len(outputs.images.labels)}"
    said = run.board.get("images") or here
    if said != here:
        yield f"{said} images of train, val and test are said, and {here} are here"
    twins = int(np.count_nonzero(~outputs.images.dedup))
    if run.tags.get("test_twins", str(twins)) != str(twins):
        yield f"{run.tags['test_twins']} test images are said to be in train or val, and {twins} are marked"


def _from_decisions(outputs: Outputs) -> dict[str, float]:
    """Scores of what was decided on each part, by the names of metrics; without losses."""
    parts = {"val": (outputs.val_labels, outputs.val_predicted)}
    for part, mask in scored_parts(outputs.images).items():
        parts[part] = outputs.images.labels[mask], outputs.predicted[mask]
    computed: dict[str, float] = {}
    for part, (labels, decided) in parts.items():
        if len(labels):
            values = scores(labels, np.eye(len(outputs.classes))[decided], outputs.classes)
            computed |= {safe_name(f"{part}/{n}"): value for n, value in values.items() if n != "loss"}
    return computed


def _without_classes(found: Predictions) -> dict[str, float]:
    """Scores of a run whose classes have no names, on test alone: those of no single class."""
    count = 1 + int(max(found.images.labels.max(), found.predicted.max()))
    nothing = np.zeros(0, int)
    logits = np.zeros((0, count))
    classes = tuple(map(str, range(count)))
    outputs = Outputs(
        found.images, logits, found.predicted, nothing, logits, nothing, classes, nothing, [], {}
    )
    return {name: value for name, value in _from_decisions(outputs).items() if "/f1/" not in name}


def _compare(
    run: StoredRun, computed: dict[str, float], found: Verified, most: float = EXACT
) -> Iterator[str]:
    """Numbers that were logged otherwise than they are computed, by more than `most`; counts them."""
    found.numbers += len(computed)
    for name, value in computed.items():
        stored = run.metrics.get(name)
        if stored is None:
            yield f"{name} is missing, and is {value:.6f} by what is stored"
        elif abs(stored - value) > most * max(1.0, abs(value)):
            yield f"{name} is given as {stored:.6f}, and is {value:.6f} by what is stored"


def _by_logits(run: StoredRun, outputs: Outputs, found: Verified, unconfirmed: Counter[str]) -> Iterator[str]:
    """Decisions that don't follow from the logits, and losses."""
    losses: dict[str, float] = {}
    for part, raw, predicted, labels in (
        ("test", outputs.logits, outputs.predicted, outputs.images.labels),
        ("val", outputs.val_logits, outputs.val_predicted, outputs.val_labels),
    ):
        logits = adjusted(outputs, run.strategy, raw)
        if logits is None:
            unconfirmed[f"losses, and decisions by {run.strategy}, which isn't here,"] += part == "test"
        elif part == "val" and run.decision_offset is not None:  # each fifth has offsets of its own
            unconfirmed["loss on validation, and decisions there by cross-fitted offsets,"] += 1
        elif len(labels):
            if wrong := _unfounded(logits, predicted, ROUNDING[run.logits or "<f4"]):
                yield f"{wrong:,} of {len(labels):,} decisions on {part} don't follow from the logits"
            masks = scored_parts(outputs.images) if part == "test" else {part: np.ones(len(labels), bool)}
            for name, mask in masks.items():
                if mask.any():
                    losses[f"{name}/loss"] = scores(labels[mask], logits[mask], run.classes)["loss"]
    yield from _compare(run, losses, found, LOSS)


def _unfounded(logits: np.ndarray, predicted: np.ndarray, rounding: float) -> int:
    """How many decisions (n,) are for a class that isn't the first by logits (n, K), nor nearly so."""
    gap = logits.max(axis=1) - logits[np.arange(len(logits)), predicted]
    return int((gap > rounding * np.ptp(logits, axis=1)).sum())
