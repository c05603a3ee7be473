"""What MLflow's page of an experiment opens with: its cells, best first, and bars of all of them.

Keys and values are those that MLflow 3.17's page keeps of a view; what it doesn't know it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from fer_bench.storage.mlflow_client import is_tagged
from fer_bench.storage.tracking import Tracker

VIEW = "cells"  # the page opens with `?viewStateShareKey=cells` on what is worth comparing
NAMES = {"params.`backbone`": 110, "params.`strategy`": 145}  # columns and their widths in pixels
SCORES = {"low/macro_f1": 105, "high/macro_f1": 105, "balanced_accuracy": 145, "accuracy": 85, "gain": 85}
FIXED = {"attributes.`Run Name`": 110, "runDateAndNestInfo": 125}
CHARTS = ("macro_f1", "balanced_accuracy", "accuracy", "gain")


def show_cells_first(tracker: Tracker, classes: Iterable[str]) -> None:
    """Set the view that the experiment's page opens with; classes as they are named in metrics."""
    f1 = [f"f1/{name}" for name in sorted(classes)]
    metrics = {"macro_f1": 85, **dict.fromkeys(f1, 82), **SCORES, "repeats": 80}
    chosen = {**NAMES, **{f"metrics.`{name}`": width for name, width in metrics.items()}}
    name, created = FIXED
    sections = {"Mean over repeats, on test": CHARTS, "F1 of each class": f1}
    view = {
        "searchFilter": is_tagged("kind", "cell"),
        "orderByKey": "metrics.`macro_f1`",
        "orderByAsc": False,
        "selectedColumns": list(chosen),
        "columnOrder": [name, *chosen, created],
        "columnWidths": {**FIXED, **chosen},
        "runsHiddenMode": "SHOW_ALL",  # in charts, where it would be ten
        "compareRunSections": [_section(title, display=True) for title in sections]
        + [_section(title, display=False) for title in _other_sections()],
        "compareRunCharts": [_bars(metric, title) for title, shown in sections.items() for metric in shown],
        "isAccordionReordered": True,
    }
    tracker.tag_experiment(f"mlflow.sharedViewState.{VIEW}", json.dumps(view))


def _other_sections() -> list[str]:
    """Sections that MLflow puts the other metrics in, by their names up to the last slash: shown folded."""
    scores = ("", "/dedup", "/val")
    return ["Model metrics", "dedup", "dedup/f1", "val", "val/f1"] + [
        f"{part}{score}{f1}" for part in ("low", "high", "sd") for score in scores for f1 in ("", "/f1")
    ]


def _section(title: str, display: bool) -> dict[str, object]:
    return {"uuid": title, "name": title, "display": display, "isReordered": True}


def _bars(metric: str, section: str) -> dict[str, object]:
    return {
        "type": "BAR",
        "uuid": f"{section}: {metric}",
        "metricKey": metric,
        "metricSectionId": section,
        "runsCountToCompare": 1000,
        "isGenerated": True,
        "deleted": False,
    }
