"""Whose cell it is: at any time one worker alone works on a cell, and its claim ends with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

Held = Callable[[], bool]
NOTICED_DEAD = ("tcp_keepalives_idle = 20", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 4")


@contextmanager
def claim(folder: Path, storage: str | None, cell: str) -> Iterator[Held | None]:
    """Claim a cell for the block; gives what tells whether it is still held, or None where another has it.

    Workers that share a PostgreSQL `storage` may be on several machines: there the claim is a lock of the
    database, else of a file in `folder`. Both go when the process does, however it ends.
    """
    if storage and storage.startswith("postgresql"):
        with _in_database(storage, cell) as held:
            yield held
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
def _in_database(storage: str, cell: str) -> Iterator[Held | None]:
    """An advisory lock, which PostgreSQL ties to the connection: gone within a minute of a dead machine's."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    number = int.from_bytes(hashlib.sha256(f"fer-bench {cell}".encode()).digest()[:8], signed=True)
    engine = create_engine(storage, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in NOTICED_DEAD:
            connection.execute(text(f"SET {setting}"))

        def held() -> bool:
            try:
                return bool(connection.execute(text("SELECT true")).scalar())
            except SQLAlchemyError:
                return False

        mine = connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar()
        yield held if mine else None
