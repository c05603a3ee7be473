"""Native libraries without what they write to standard error, which no setting of their own turns off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Let nothing that is written to standard error appear, by any library of this process."""
    standard_error = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
