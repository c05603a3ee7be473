"""Logged runs to a ranked table with intervals, as a data frame and for the terminal.

Reads what was logged, never what is in memory. May import `storage` and `evaluation`. Can be called:
`fer_bench.leaderboard("imbalance")` is the leaderboard of a study.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class LeaderboardPackage(ModuleType):
    """The class of this package, which lets it be called.

    As soon as any of its modules is imported, Python sets the attribute `leaderboard` of `fer_bench` to this
    package. A function of that name would be lost then; so the package itself is the function.
    """

    def __call__(
        self,
        study: str | Path | None = None,
        mlruns: str | Path = "mlruns",
        *,
        from_file: str | Path | None = None,
        all_recipes: bool = False,
    ) -> pd.DataFrame:
        """Rank the cells of a study, one row each: the table that `fer-bench leaderboard --out` writes.

        `study` is a name or the path of a YAML file, by default `imbalance`; `mlruns` the folder that it was
        run with; or `from_file` is what `fer-bench bundle` wrote, and nothing else is needed. Columns and
        order are those of `fer_bench.leaderboard.ranking.leaderboard`. With `all_recipes`, cells of earlier
        versions of the study are there as well. Raises UserError where nothing of the study was run, or its
        runs can't be read.
        """
        from fer_bench.leaderboard.ranking import leaderboard
        from fer_bench.storage.study_runs import read_runs

        name, bundle = (str(study) if study else None), (Path(from_file) if from_file else None)
        runs = read_runs(Path(mlruns), name, bundle, with_trials=False)
        return leaderboard(runs.statuses, runs.repeats, all_recipes)


sys.modules[__name__].__class__ = LeaderboardPackage
