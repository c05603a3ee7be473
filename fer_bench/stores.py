"""Databases that don't open: why, in a line, and what to do about it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from fer_bench.errors import UserError


def probe(url: str) -> None:
    """Raise sqlite3.Error or OSError at once where `sqlite:///FILE` is there and no database.

    MLflow's own way is to try again for minutes.
    """
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and path.is_dir():
        raise IsADirectoryError("it is a folder")
    if url.startswith("sqlite:///") and path.exists():
        # Only to read: a run that is going on may be writing.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as database:
            database.execute("PRAGMA schema_version").fetchone()


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
    said = f"can't open the {kind} {url}: {reason} {way}"
    return UserError(re.sub(r"(://[^:/@\s]*):[^@\s]+@", r"\1:***@", said))


def hide_password(uri: str) -> str:
    """The address of a store without its password."""
    parts = urlsplit(uri)
    if not parts.password:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))
