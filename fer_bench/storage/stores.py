"""The two databases of a run, open: MLflow's and Optuna's."""

from __future__ import annotations

from dataclasses import dataclass

from fer_bench.storage.mlflow_client import create_store
from fer_bench.storage.mlflow_view import show_cells_first
from fer_bench.storage.optuna_store import OptunaStore
from fer_bench.storage.planned_cells import describe_plan
from fer_bench.storage.records import safe_name
from fer_bench.storage.tracking import Tracker
from fer_bench.study.plan import Plan


@dataclass(frozen=True)
class Stores:
    """MLflow's experiment of a plan and Optuna's storage."""

    tracker: Tracker
    optuna: OptunaStore


def open_stores(plan: Plan) -> Stores:
    """Open both databases of a plan, made where they aren't there, and write the plan into its experiment.

    Raises UserError in one line where one of them can't be opened.
    """
    create_store(plan.mlruns)
    tracker = Tracker(plan.mlruns, plan.experiment)
    describe_plan(plan, tracker)
    show_cells_first(tracker, map(safe_name, plan.tasks[0].effective_prior))
    return Stores(tracker, OptunaStore(plan.mlruns, plan.storage))
