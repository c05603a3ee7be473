"""Optuna's storage: one study per cell, one finished trial per slot."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import FloatDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError, ProgrammingError

from fer_bench.files import atomic
from fer_bench.storage.databases import probe, refusal, remove_journals
from fer_bench.storage.result_files import Result
from fer_bench.study.spec import Cell, space

PATIENCE = 20  # seconds for another machine to make the tables of a server's database


class OptunaStore:
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
                trial = frozen_trial(cell, result)
                noted = ("slot", "attempt", "seed", "run_id")
                trial.user_attrs = {key: getattr(result, key) for key in noted}
                study.add_trial(trial)


def frozen_trial(cell: Cell, result: Result) -> FrozenTrial:
    """A finished slot as Optuna keeps it."""
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
            storage = _with_tables(url, options)
        except Exception as error:  # SQLAlchemy's, alembic's and the driver's own errors come through
            raise refusal("Optuna storage", url, error) from None
    if sqlite:
        _lock_at_begin(storage)
    return storage


def _with_tables(url: str, options: dict[str, Any]) -> RDBStorage:
    """The storage at `url`, its tables made where they aren't there.

    Machines that make them at the same moment trip over each other: all but one try again.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return RDBStorage(url, engine_kwargs=options)
        except (IntegrityError, ProgrammingError) as error:
            made_by_another = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not made_by_another or time.monotonic() > until:
                raise
            time.sleep(0.5)


def _lock_at_begin(storage: RDBStorage) -> None:
    """Let transactions on SQLite lock for writing when they begin: else two workers could take one trial."""
    storage.engine.dispose()

    @event.listens_for(storage.engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA busy_timeout=60000")

    @event.listens_for(storage.engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
