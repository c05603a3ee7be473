"""What a model card is written from: an export, the scores of its repeat, and what its parts are called."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_bench import environment
from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.base import Dataset, find_dataset
from fer_bench.errors import UserError
from fer_bench.inference.card_scores import Estimate, TestScores, mean_of_repeats
from fer_bench.storage.records import RepeatRecord

if TYPE_CHECKING:
    from fer_bench.inference.export import Exported
    from fer_bench.inference.kept_repeat import KeptRepeat


@dataclass(frozen=True, eq=False)
class CardFacts:
    """An exported model, where it was written, and what was logged of it.

    scores are of its test images by its own decision; repeats how many the cell has, and means of theirs by
    the strategy's decision, {} of one alone; searched: the parameters that the search drew.
    """

    exported: Exported
    file: Path
    scores: TestScores
    repeats: int
    means: dict[str, Estimate]
    searched: dict[str, float]
    commit: str

    @property
    def kept(self) -> KeptRepeat:
        """The repeat that the model is of."""
        return self.exported.kept

    @property
    def record(self) -> RepeatRecord:
        """The repeat as it was logged."""
        return self.exported.kept.record

    @property
    def name(self) -> str:
        """Name of the model, of letters that a repository's name may have."""
        parts = self.record.board["dataset"], self.record.backbone, self.record.strategy
        return re.sub("[^0-9A-Za-z]+", "-", " ".join(parts)).strip("-")

    @property
    def title(self) -> str:
        """What the data set is, in a phrase that begins with its name."""
        return _dataset(self.record).title or self.record.board["dataset"]

    @property
    def data_licence(self) -> str:
        """What is known of the licence of the images and labels."""
        return _dataset(self.record).licence

    @property
    def weights_licence(self) -> str:
        """What is known of the licence of the pretrained weights; "" where there were none."""
        return BACKBONES[self.record.backbone].weights_licence if self.kept.recipe.weights != "none" else ""

    @property
    def backbone_line(self) -> str:
        """What the backbone is, in a line."""
        return _first_line(BACKBONES[self.record.backbone])

    @property
    def strategy_line(self) -> str:
        """What the strategy is, in a line."""
        return _first_line(type(self.kept.strategy))

    @property
    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images of each class in train, validation and test, (K,) int each."""
        kept = self.kept
        val, test = (
            np.bincount(each, minlength=len(kept.classes)) for each in (kept.val_labels, kept.labels)
        )
        return kept.class_counts, val, test

    @property
    def tags(self) -> dict[str, str]:
        """What the run logged in words."""
        return self.record.tags

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what it was trained with, by name."""
        found: dict[str, str] = json.loads(self.tags.get("versions") or "{}")
        return found

    @property
    def trained(self) -> str:
        """The day on which its training began."""
        return datetime.fromtimestamp(self.record.started, UTC).strftime("%Y-%m-%d")


def gather(exported: Exported, file: Path, repeats: Collection[RepeatRecord]) -> CardFacts:
    """What is known of an exported model, its cell's repeats being among those of its study."""
    kept, decision = exported.kept, exported.decision
    cell = [each for each in repeats if (each.cell, each.board) == (kept.record.cell, kept.record.board)]
    outputs = kept.record.outputs()
    return CardFacts(
        exported=exported,
        file=file,
        scores=TestScores(kept.logits * decision.scale + decision.offset, outputs.images, kept.classes),
        repeats=len(cell),
        means=mean_of_repeats(cell),
        searched=outputs.parameters,
        commit=environment.commit(),
    )


def _dataset(record: RepeatRecord) -> Dataset:
    """The data set that a repeat was trained on; one that nothing is known of where it is not here."""
    try:
        return find_dataset(record.board["dataset"])
    except UserError:
        return Dataset()


def _first_line(entry: type) -> str:
    return (sys.modules[entry.__module__].__doc__ or "").strip().partition("\n")[0].rstrip(".:")
