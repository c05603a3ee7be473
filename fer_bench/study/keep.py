"""Which weights a run keeps; apart from `plan`, so that the command line can show it without loading NumPy."""

from __future__ import annotations

from typing import Literal

Keep = Literal["none", "one", "all"]
"""Of no repeat, of each cell's median one, or of all."""
