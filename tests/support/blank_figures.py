"""Results without pictures, which take longer to draw than a small training."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def blank_figures() -> Iterator[None]:
    """Let each figure of a run be a small empty one."""
    from matplotlib.figure import Figure

    from fer_bench.evaluation import figures

    with pytest.MonkeyPatch.context() as patch:
        for name in ("confusion_matrix", "curves"):
            patch.setattr(figures, name, lambda *_: Figure(figsize=(1, 1)))
        yield
