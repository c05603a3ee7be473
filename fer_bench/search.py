"""How a cell's parameters are found, slot by slot; the only module that knows Optuna."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from sqlalchemy import event

from fer_bench.recipe import Settings, settings
from fer_bench.recovery import Result, atomic
from fer_bench.search_space import Range, ranges, suggest
from fer_bench.stores import probe, refusal, remove_journals
from fer_bench.strategies.base import STRATEGIES, Strategy
from fer_bench.study import Cell, derive_seed

STARTUP_SLOTS = 8  # drawn blindly, and the same for all strategies; after them TPE models the history

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(cell: Cell) -> tuple[dict[str, Range], dict[str, Range]]:
    """Ranges that all strategies share, and the strategy's own (`focal_loss.gamma`)."""
    own = ranges(STRATEGIES[cell.strategy])
    return dict(cell.search), {f"{cell.strategy}.{name}": span for name, span in own.items()}


def defaults(cell: Cell) -> dict[str, float]:
    """The recipe's and the strategy's own values of all that is searched."""
    shared, own = space(cell)
    ours, theirs = settings(cell.recipe).model_dump(), vars(STRATEGIES[cell.strategy]())
    return {name: ours[name] for name in shared} | {name: theirs[name.split(".")[1]] for name in own}


def draw(cell: Cell, shared_key: str, slot: int, history: Mapping[int, Result]) -> dict[str, float]:
    """Parameters of a slot, from the results of the slots before it: the same whenever they are drawn.

    The generator is seeded without the strategy and shared parameters are drawn first, so that blindly drawn
    slots are paired across strategies. (A sampler kept across a restart would repeat its first draws.)
    """
    if slot == 0:
        return defaults(cell)
    shared, own = space(cell)
    sampler = TPESampler(seed=derive_seed(shared_key, "draw", slot), n_startup_trials=STARTUP_SLOTS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_trial(cell, history[s]) for s in sorted(history) if s < slot])
    trial = study.ask()
    return suggest(trial, shared) | suggest(trial, own)


def as_used(cell: Cell, parameters: Mapping[str, float]) -> tuple[Strategy, Settings]:
    """The strategy and the settings that drawn parameters stand for."""
    prefix = f"{cell.strategy}."
    own = {name.removeprefix(prefix): v for name, v in parameters.items() if name.startswith(prefix)}
    shared = {name: v for name, v in parameters.items() if not name.startswith(prefix)}
    return STRATEGIES[cell.strategy](**own), settings(cell.recipe).model_copy(update=shared)


def best(trials: Mapping[int, Result], slots: int) -> Result | None:
    """Result with the best validation macro-F1 of the first `slots`; the earlier slot where two are equal."""
    complete = [trials[s] for s in sorted(trials) if s < slots and trials[s].status == "complete"]
    return max(complete, key=lambda result: result.value, default=None)


class Book:
    """The Optuna storage: one study per cell and experiment, one finished trial per slot."""

    def __init__(self, mlruns: Path, url: str | None) -> None:
        self._storage = open_storage(mlruns, url)

    def add(self, experiment: str, cell: Cell, key: str, results: Iterable[Result]) -> None:
        """Enter finished slots, but for those that are there."""
        study = optuna.create_study(
            study_name=f"{experiment} {cell.name} {key}",
            storage=self._storage,
            direction="maximize",
            load_if_exists=True,
        )
        entered = study.get_trials(deepcopy=False)
        done = {t.user_attrs["slot"] for t in entered if t.state == TrialState.COMPLETE}
        tried = {(t.user_attrs["slot"], t.user_attrs["attempt"]) for t in entered}
        for result in results:
            if result.slot not in done and (result.slot, result.attempt) not in tried:
                trial = _trial(cell, result)
                noted = ("slot", "attempt", "seed", "run_id")
                trial.user_attrs = {key: getattr(result, key) for key in noted}
                study.add_trial(trial)


def _trial(cell: Cell, result: Result) -> optuna.trial.FrozenTrial:
    shared, own = space(cell)
    complete = result.status == "complete"
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL,
        value=result.value if complete else None,
        params=result.parameters,
        distributions={
            name: FloatDistribution(span.low, span.high, log=span.log)
            for name, span in (shared | own).items()
        },
    )


def open_storage(mlruns: Path, url: str | None) -> RDBStorage:
    """Optuna's storage at `url`, by default mlruns/optuna.db; made whole before anybody sees it.

    Raises UserError in one line where it can't be opened.
    """
    database = mlruns / "optuna.db"
    with FileLock(mlruns / ".create.lock"):
        if url is None and not database.exists():
            with tempfile.TemporaryDirectory(dir=mlruns, prefix=".create-") as folder:
                fresh = Path(folder) / "optuna.db"
                RDBStorage(f"sqlite:///{fresh.resolve()}").engine.dispose()
                remove_journals(database)
                with atomic(database) as temporary:
                    fresh.rename(temporary)
        url = url or f"sqlite:///{database.resolve()}"
        sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"connect_args": {"timeout": 60}} if sqlite else {"pool_pre_ping": True}
        try:
            probe(url)
            storage = RDBStorage(url, engine_kwargs=options)
        except Exception as error:  # SQLAlchemy's, alembic's and the driver's own errors come through
            raise refusal("Optuna storage", url, error) from None
    if sqlite:
        _serialise(storage)
    return storage


def _serialise(storage: RDBStorage) -> None:
    """Let every transaction on SQLite lock for writing at its begin: else two workers take one trial."""
    storage.engine.dispose()

    @event.listens_for(storage.engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA busy_timeout=60000")

    @event.listens_for(storage.engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
