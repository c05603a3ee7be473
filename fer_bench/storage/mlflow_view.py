"""What MLflow's page of an experiment opens with: its cells, best first, and bars of all of them.

Keys and values are those that MLflow 3.17's page keeps of a view; what it doesn't know it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from fer_bench.storage.mlflow_client import is_tagged

VIEW = "cells"  # the page opens with `?viewStateShareKey=cells` on what is worth comparing
NAMES = {"params.`backbone`": 110, "params.`strategy`": 150}  # columns and their widths in pixels
SCORES = {"low/macro_f1": 105, "high/macro_f1": 105, "balanced_accuracy": 145, "accuracy": 85, "gain": 85}
FIXED = {"attributes.`Run Name`": 110, "runDateAndNestInfo": 135}
CHARTS = ("macro_f1", "balanced_accuracy", "accuracy", "gain")
# Sections that MLflow puts other metrics in, by their names up to the last slash.
FOLDED = (
    *("Model metrics", "dedup", "dedup/f1", "val", "val/f1", "low", "low/dedup", "high", "high/dedup"),
    *("sd", "sd/f1", "sd/dedup", "sd/dedup/f1", "sd/val", "sd/val/f1"),
    *(
        "near_dedup",
        "near_dedup/f1",
        "low/near_dedup",
        "high/near_dedup",
        "sd/near_dedup",
        "sd/near_dedup/f1",
    ),
)


class TagsExperiment(Protocol):
    """What is asked of a tracker."""

    def tag_experiment(self, key: str, value: str) -> None:
        """Set a tag of the experiment by its full name."""
        ...


def show_cells_first(tracker: TagsExperiment, classes: Iterable[str]) -> None:
    """Set the view that the experiment's page opens with; classes as they are named in metrics."""
    key = f"mlflow.sharedViewState.{VIEW}"
    tracker.tag_experiment(key, json.dumps(view(classes), separators=(",", ":")))


def view(classes: Iterable[str]) -> dict[str, Any]:
    """The view: which runs, columns and charts there are, and in which order."""
    f1 = [f"f1/{name}" for name in sorted(classes)]
    metrics = {"macro_f1": 85, **dict.fromkeys(f1, 82), **SCORES, "repeats": 80}
    chosen = {**NAMES, **{f"metrics.`{name}`": width for name, width in metrics.items()}}
    name, created = FIXED
    sections = {"Mean over repeats, on test": CHARTS, "F1 of each class": f1}
    return {
        "searchFilter": is_tagged("kind", "cell"),
        "orderByKey": "metrics.`macro_f1`",
        "orderByAsc": False,
        "selectedColumns": list(chosen),
        "columnOrder": [name, *chosen, created],
        "columnWidths": {**FIXED, **chosen},
        "runsHiddenMode": "SHOW_ALL",  # in charts, where it would be ten
        "compareRunSections": [
            {"uuid": title, "name": title, "display": title in sections, "isReordered": title in sections}
            for title in (*sections, *FOLDED)
        ],
        "compareRunCharts": [
            {"type": "BAR", "uuid": metric, "metricKey": metric, "metricSectionId": title}
            for title, shown in sections.items()
            for metric in shown
        ],
        "isAccordionReordered": True,
    }
