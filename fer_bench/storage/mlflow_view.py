"""What MLflow's page of an experiment opens with: cells, best first, and charts of all of them."""

from __future__ import annotations

import json

from fer_bench.storage.mlflow_client import is_tagged
from fer_bench.storage.tracking import Tracker

VIEW = "cells"  # the page opens with `?viewStateShareKey=cells` on what is worth comparing
SCORES = (
    "test/macro_f1",
    "test/macro_f1_low",
    "test/macro_f1_high",
    "test/balanced_accuracy",
    "test/accuracy",
)


def show_cells_first(tracker: Tracker) -> None:
    """Set the view that the experiment's page opens with."""
    columns = ["params.`backbone`", "params.`strategy`", *(f"metrics.`{key}`" for key in SCORES)]
    view = {
        "searchFilter": is_tagged("kind", "cell"),
        "orderByKey": f"metrics.`{SCORES[0]}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL",
    }
    tracker.tag_experiment(f"mlflow.sharedViewState.{VIEW}", json.dumps(view))
