"""Exports of runs that never were, for model cards to be written of."""

from pathlib import Path

import numpy as np
from leaderboard_records import CLASSES
from subgroup_records import example_with_attributes

from fer_bench.inference.card_facts import CardFacts, gather
from fer_bench.inference.export import Decision, Exported
from fer_bench.inference.kept_repeat import KeptRepeat
from fer_bench.storage.records import RepeatRecord
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Recipe


def exported(
    record: RepeatRecord, decision: Decision | None = None, recipe: Recipe | None = None
) -> Exported:
    """An export of a repeat, by its strategy's own decision unless another is given."""
    outputs = record.outputs()
    kept = KeptRepeat(
        record=record,
        place="repeat 0, the median of 3 by validation macro-F1",
        recipe=recipe or Recipe(weights="none"),
        strategy=STRATEGIES[record.strategy](),
        classes=CLASSES,
        class_counts=outputs.class_counts,
        image_shape=(48, 48, 1),
        logits=outputs.logits,
        labels=outputs.images.labels,
        val_logits=outputs.val_logits,
        val_labels=outputs.val_labels,
        val_ids=np.arange(len(outputs.val_labels)).astype(str),
        decision_offset=np.zeros(len(CLASSES), "float32"),
        ids=outputs.images.ids,
        weights=Path("repeat-000-1.weights.h5"),
        antialias=True,
    )
    decided = decision or Decision("decided", np.nan, np.ones(len(CLASSES)), np.zeros(len(CLASSES)))
    return Exported(kept, decided, decided.macro_f1(kept), "runs:/run/model", 0.0, "keras")


def facts(file: str = "model.keras", cell: str = "mobilenet_v2-none", **changes) -> CardFacts:
    """What is known of an export of a cell whose test images have attributes; `changes` as of `exported`."""
    _, repeats = example_with_attributes()
    record = next(each for each in repeats if each.cell == cell)
    return gather(exported(record, **changes), Path(file), repeats)
