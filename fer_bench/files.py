"""Writing files so that they are complete or absent, and checking paths before the work begins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fer_bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame, completely or not at all: one header line, floats with up to 6 significant digits.

    Raises UserError where the file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    except OSError as error:
        raise UserError(f"--out {path}: can't be written ({error.strerror}); name a file") from None


def check_csv(path: Path) -> None:
    """Raise UserError for a path that can't be a file: a folder, a device, no name."""
    check_file(path, "leaderboard.csv")


def check_file(path: Path, such_as: str) -> None:
    """Raise UserError for a path that can't be a file, with an example of one."""
    if not path.name or (os.path.exists(path) and not os.path.isfile(path)):
        raise UserError(f"--out {path}: expected the name of a file, such as {such_as}")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path that replaces `path` if the block succeeds, and is deleted if it fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, completely or not at all."""
    with atomic(target) as temporary:
        shutil.copyfile(source, temporary)


def writable(folder: Path) -> None:
    """Create a folder for results; raises UserError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{folder}: can't write results there ({error.strerror}); choose another with --mlruns"
        ) from None
