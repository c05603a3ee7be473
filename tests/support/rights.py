"""Folders that may only be read, and processes that root's rights don't help."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def without_write_rights() -> None:
    """Give up the right of root to write what is read-only, for what is executed next."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder and all that is in it."""
    below = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in below]
    for path, mode in zip(below, modes, strict=True):
        path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in zip(below, modes, strict=True):
            path.chmod(mode)
