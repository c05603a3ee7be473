"""fer-bench: which backbone, with which answer to class imbalance, reads facial expressions best.

In a script or a notebook, train and rank:

    import fer_bench

    if __name__ == "__main__":  # for scripts, which worker processes import; a notebook needs no such line
        plans = fer_bench.plan("imbalance", budget="quick")
        print(f"{sum(plan.hours for plan in plans):.1f} hours, roughly")
        board = fer_bench.run(plans, progress=True)  # later again: fer_bench.leaderboard("imbalance")
        print(board[["backbone", "strategy", "macro_f1", "gain", "gain_low", "gain_high"]])
        fer_bench.report("imbalance")  # report.html: what was found, in words, tables and charts

and use a model that `fer-bench export` wrote:

    import fer_bench

    model = fer_bench.load_model("model.keras")
    print(fer_bench.predict(model, ["portrait.jpg", "holiday"]))  # a row per picture

To read the code, begin at the top: `cli` parses a command, `study` makes a plan of it, `runner` fills the
plan's slots, `training` trains one, `storage` keeps what came out, `leaderboard` ranks it, `report` writes
the page about it, `inference` takes a model out of it. `backbones`, `strategies` and `datasets` hold the
plug-ins, one file each. Packages import downwards only; the contract is in pyproject.toml.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

# TensorFlow by itself uses oneDNN on CPUs with AVX512 only; with AVX2 it trains 1.5 to 4 times as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

if TYPE_CHECKING:  # what `__getattr__` finds when it is first used
    from fer_bench.api import load_images, load_model, plan, predict, run
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.datasets.base import DATASETS
    from fer_bench.errors import UserError
    from fer_bench.leaderboard import LeaderboardPackage
    from fer_bench.report import ReportPackage
    from fer_bench.strategies.base import STRATEGIES

    __version__: str
    leaderboard: LeaderboardPackage
    report: ReportPackage

__all__ = [
    "BACKBONES",
    "DATASETS",
    "STRATEGIES",
    "UserError",
    "__version__",
    "leaderboard",
    "load_images",
    "load_model",
    "plan",
    "predict",
    "report",
    "run",
]

_MODULES = {
    "BACKBONES": "fer_bench.backbones.base",
    "DATASETS": "fer_bench.datasets.base",
    "STRATEGIES": "fer_bench.strategies.base",
    "UserError": "fer_bench.errors",
    **dict.fromkeys(("load_images", "load_model", "plan", "predict", "run"), "fer_bench.api"),
}


if not TYPE_CHECKING:  # a type checker would take it for any name

    def __getattr__(name: str) -> object:
        """Import what is asked for, so that `import fer_bench` alone loads nothing heavy (PEP 562)."""
        if name == "__version__":
            from fer_bench.environment import versions

            return versions().get("fer-bench", "unknown")  # of a checkout that isn't installed
        if name in ("leaderboard", "report"):
            return import_module(f"fer_bench.{name}")  # a package that can be called
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
