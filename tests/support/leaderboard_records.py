"""Records of runs that never were, for the leaderboard to rank."""

from dataclasses import replace

import numpy as np

from fer_bench.evaluation.metrics import scores
from fer_bench.storage.records import CellStatus, HeldOut, Outputs, Predictions, RepeatRecord

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

BOARD = {
    "study": "imbalance",
    "dataset": "fer2013",
    "data_fingerprint": "0123456789abcdef0123",
    "split": "official",
    "budget": "quick",
    "images": "2000/400/500",
}

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(7), [68, 8, 73, 122, 87, 83, 59]))

N = len(LABELS)

TWINS = "50 of 500 test images are also in train or val: see dedup_*"


def predictions(predicted, labels=LABELS, prefix="Test"):
    n = len(labels)
    ids = np.array([f"{prefix}_{i}" for i in range(n)])
    images = HeldOut(labels, np.arange(n), np.arange(n) % 10 > 0, ids)
    return Predictions(images, np.asarray(predicted, np.int32))


def guesses(skill, seed, labels=LABELS):
    """A share `skill` right; images that are hard are hard for everybody."""
    hard, noise = np.random.default_rng(1).random(len(labels)), np.random.default_rng(seed)
    right = hard + 0.1 * noise.normal(size=len(labels)) < skill
    return np.where(right, labels, noise.integers(7, size=len(labels)))


def outputs(found, seed=0):
    """Logits that say what was predicted, and what of validation: every second test image once more."""
    noise = np.random.default_rng(seed).normal(size=(len(found.predicted), 7)).astype("float32")
    logits = 2 * np.eye(7, dtype="float32")[found.predicted] + 0.3 * noise
    logits[np.arange(len(logits)), found.predicted] = 1 + logits.max(axis=1)
    return Outputs(
        images=found.images,
        logits=logits,
        predicted=found.predicted,
        val_labels=found.images.labels[::2],
        val_logits=logits[::2],
        val_predicted=found.predicted[::2],
        classes=CLASSES,
        class_counts=8 * np.bincount(found.images.labels, minlength=7),
        history=[{"loss": 1.5, "val/macro_f1": 0.4, "time": 1.7e9 + epoch} for epoch in range(3)],
        parameters={"learning_rate": 1e-3},
    )


def repeat(backbone="mobilenet_v2", strategy="none", slot=0, skill=0.5, predicted=None, **changes):
    found = predictions(guesses(skill, 10 + slot) if predicted is None else predicted)
    metrics = {"steps": 120.0, "train_seconds": 3.5 + slot, "images_per_second": 900.0, "parameters": 2e6}
    metrics["setup_seconds"] = 2.5
    labels = found.images.labels
    for kind, used in (("test", slice(None)), ("test_dedup", found.images.dedup)):
        logits = np.eye(7)[found.predicted[used]]
        metrics |= {f"{kind}/{k}": v for k, v in scores(labels[used], logits, CLASSES).items()}
    fields = {
        "cell": f"{backbone}-{strategy}",
        "board": BOARD,
        "recipe": "r1",
        "shared_key": backbone,
        "selected_from": 2,
        "seed": 1000 + slot,
        "run_id": f"run-{backbone}-{strategy}-{slot}",
        "commit": "abc1234",
        "started": 1.7e9 + slot,
        "metrics": metrics,
        "tags": {"weights": "none"},
        "predictions": lambda: found,
        "outputs": lambda: outputs(found, slot),
    }
    return RepeatRecord(backbone=backbone, strategy=strategy, slot=slot, **(fields | changes))


def with_near_duplicates(record):
    """The same run, on images of which it is known that every fifth has a near-duplicate in train."""
    found = record.predictions()
    near = np.arange(len(found.predicted)) % 5 > 0
    values = scores(found.images.labels[near], np.eye(7)[found.predicted[near]], CLASSES)
    known = replace(found, images=replace(found.images, near_dedup=near))
    metrics = record.metrics | {f"test_near_dedup/{name}": value for name, value in values.items()}
    return replace(record, metrics=metrics, predictions=lambda: known)


def status(backbone="mobilenet_v2", strategy="none", repeats=2, **changes):
    fields = {
        "cell": f"{backbone}-{strategy}",
        "board": BOARD,
        "recipe": "r1",
        "trials_done": 2,
        "trials_failed": 0,
        "trials_planned": 2,
        "repeats_done": repeats,
        "repeats_planned": repeats,
    }
    return CellStatus(backbone=backbone, strategy=strategy, **(fields | changes))


def example():
    """Two backbones, three strategies, three repeats; one cell unfinished, one collapsed, one too good."""
    skills = {("mobilenet_v2", "none"): 0.50, ("mobilenet_v2", "class_weights"): 0.53}
    skills |= {("mobilenet_v2", "oversampling"): 0.62, ("compact_cnn", "none"): 0.42}
    statuses = [status(*cell, repeats=3) for cell in skills]
    repeats = [repeat(*cell, slot, skill) for cell, skill in skills.items() for slot in range(3)]
    statuses.append(
        status("compact_cnn", "class_weights", repeats_done=1, repeats_planned=3, trials_failed=1)
    )
    repeats.append(repeat("compact_cnn", "class_weights", 0, 0.4))
    statuses.append(status("compact_cnn", "focal_loss", repeats=3))
    collapsed = np.full(N, 3)
    repeats += [repeat("compact_cnn", "focal_loss", slot, predicted=collapsed) for slot in range(3)]
    statuses.append(status("vgg16", "none", trials_done=0, repeats_done=0))
    return statuses, repeats


def with_untuned():
    """Records of a board with two cells that are tuned, and beside `none` what it does untuned."""
    skills = {"none": (0.5, 2), "class_weights": (0.53, 2), "none (defaults)": (0.45, 0)}
    statuses = [
        status(strategy=name, repeats=3, trials_done=trials, trials_planned=trials)
        for name, (_, trials) in skills.items()
    ]
    repeats = [
        repeat(strategy=name, slot=slot, skill=skill, selected_from=trials)
        for name, (skill, trials) in skills.items()
        for slot in range(3)
    ]
    return statuses, repeats
