"""Locks on cells: at any time one worker alone works on a cell, and its lock goes when its process ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

StillHeld = Callable[[], bool]
DEAD_PEER_SETTINGS = (
    "tcp_keepalives_idle = 20",
    "tcp_keepalives_interval = 5",
    "tcp_keepalives_count = 4",
)


@contextmanager
def cell_lock(folder: Path, storage: str | None, cell: str) -> Iterator[StillHeld | None]:
    """Lock a cell for the block; gives what says whether it is still held, or None where another has it.

    Workers that share a PostgreSQL `storage` may be on several machines: there it is an advisory lock of the
    database, else a lock on a file in `folder`. Both go when the process does, however it ends.
    """
    if storage and storage.startswith("postgresql"):
        with _advisory_lock(storage, cell) as still_held:
            yield still_held
        return
    (folder / cell).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / cell / "claim.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield None
        return
    try:
        yield lambda: True
    finally:
        lock.release()


@contextmanager
def _advisory_lock(storage: str, cell: str) -> Iterator[StillHeld | None]:
    """PostgreSQL ties the lock to the connection: it goes within a minute when the machine dies."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    number = int.from_bytes(hashlib.sha256(f"fer-bench {cell}".encode()).digest()[:8], signed=True)
    engine = create_engine(storage, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in DEAD_PEER_SETTINGS:
            connection.execute(text(f"SET {setting}"))

        def still_held() -> bool:
            try:
                return bool(connection.execute(text("SELECT true")).scalar())
            except SQLAlchemyError:
                return False

        locked = connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar()
        yield still_held if locked else None
