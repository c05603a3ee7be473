"""What all cells of a worker share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fer_bench.data.trial_data import TrialData
from fer_bench.storage.optuna_store import OptunaStore
from fer_bench.storage.tracking import Tracker
from fer_bench.study.plan import Plan


@dataclass
class WorkerContext:
    """What all cells of a worker share: the plan, the images, the stores, and whom to tell."""

    plan: Plan
    data: TrialData
    tracker: Tracker
    book: OptunaStore
    report: Callable[..., None]
    failures: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.time)
