"""Which weights a run keeps; apart from `plan`, which loads NumPy, as the command line shows it."""

from __future__ import annotations

from typing import Literal

Keep = Literal["none", "one", "all"]
