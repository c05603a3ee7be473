"""Where the databases lie, and those that don't open: why, in a line, and what to do about it."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from fer_bench.errors import UserError


def tracking_uri(mlruns: Path) -> str:
    """$MLFLOW_TRACKING_URI, else the SQLite database in the folder `mlruns`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(mlruns / 'mlflow.db').resolve()}"


def no_runs_yet(mlruns: Path) -> bool:
    """Whether MLflow's database isn't in the folder `mlruns`, where it should be."""
    return tracking_uri(mlruns).startswith("sqlite") and not (mlruns / "mlflow.db").exists()


def check_folder(mlruns: Path) -> None:
    """Raise UserError where this can't be a folder of results; makes nothing."""
    there = next((path for path in (mlruns, *mlruns.parents) if os.path.exists(path)), None)
    if there and not os.path.isdir(there):
        raise UserError(f"--mlruns {mlruns}: {there} is a file; expected a folder, there or not yet")


def artifact_place(mlruns: Path, experiment: str) -> str:
    """Where MLflow is told to keep an experiment's files, for a database on this machine."""
    return (mlruns / "artifacts" / experiment).resolve().as_uri()


def check_place(mlruns: Path, experiment: str, place: str) -> None:
    """Raise UserError where the database in `mlruns` has an experiment's files elsewhere: it was moved."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and place != artifact_place(mlruns, experiment):
        raise UserError(
            f"{mlruns} was moved or copied from {place}: move it back, or delete its mlflow.db, which "
            "fer-bench run makes anew from its result files"
        )


def check_storage(url: str | None) -> None:
    """Raise UserError where this is no address of a database; doesn't repeat it, as passwords are in it."""
    if url is not None and not re.match(r"[a-z][\w+]*://", url):
        raise UserError("--storage: expected an address, as in postgresql+psycopg://user@host/database")


class HalfWritten(sqlite3.OperationalError):
    """What a killed process wrote by half, where there is no right to roll it back."""


def probe(url: str) -> None:
    """Raise sqlite3.Error or OSError at once where `sqlite:///FILE` is there and no database of ours.

    MLflow's own way is to try again for minutes, or to make its tables in a database that others use.
    """
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and path.is_dir():
        raise IsADirectoryError("it is a folder")
    if url.startswith("sqlite:///") and path.exists():
        tables = _tables(path.resolve())
        if "alembic_version" not in tables:  # which both MLflow and Optuna keep
            raise sqlite3.DatabaseError("it has other tables" if tables else "it is empty")


def check_databases(mlruns: Path, storage: str | None) -> None:
    """Raise UserError, before Keras is loaded, where a database file in `mlruns` isn't one.

    `storage` is the address of Optuna's, if it isn't in `mlruns`.
    """
    stores = {
        "MLflow store": tracking_uri(mlruns),
        "Optuna storage": storage or f"sqlite:///{(mlruns / 'optuna.db').resolve()}",
    }
    for kind, address in stores.items():
        try:
            probe(address)
        except (OSError, sqlite3.Error) as error:
            raise refusal(kind, address, error) from None


def _tables(path: Path) -> set[str]:
    """Names of a database's tables, once what a killed process wrote by half is rolled back.

    Raises HalfWritten where that can't be done.
    """
    # SQLite rolls back as soon as anybody reads, but not with mode=ro; mode=rw makes no file, and opens one
    # that may not be written to read.
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=60)) as database:
            return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError as error:
        denied = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        if error.sqlite_errorcode & 0xFF in denied and Path(f"{path}-journal").exists():
            raise HalfWritten(f"a killed process left {path.name}-journal to roll back ({error})") from None
        raise


def remove_journals(database: Path) -> None:
    """Remove what is left beside a database that is gone: SQLite would roll it back into the next one."""
    for kind in ("journal", "wal", "shm"):
        database.with_name(f"{database.name}-{kind}").unlink(missing_ok=True)


def refusal(kind: str, url: str, error: Exception) -> UserError:
    """What to tell of an "MLflow store" or "Optuna storage" that raised when opened; never its password."""
    reason = " ".join(str(error).split()).partition(" [SQL: ")[0].partition(" (Background on")[0]
    way = "check the address and the server"
    if "database schema (found" in reason or "compatible with the table schema" in reason:
        reason = f"it was made by another release of {kind.split()[0]}; install that one, or"
        way = "use a database of its own: MLflow and Optuna need one each"
    else:
        reason = f"{reason[:200]};"
    if url.startswith("sqlite"):
        way = "move the file away, and fer-bench run makes it anew from its result files; or another --mlruns"
    if isinstance(error, HalfWritten):
        folder = Path(url.removeprefix("sqlite:///")).parent
        way = (
            f"let somebody who may write to {folder} run fer-bench doctor, or copy all of that folder to "
            "where you may write, and use the copy"
        )
    return UserError(hide_password(f"can't open the {kind} {url}: {reason} {way}"))


def hide_password(text: str) -> str:
    """A text without the passwords in its addresses."""
    return re.sub(r"(://[^:/@\s]*):[^/\s]+@", r"\1:***@", text)
