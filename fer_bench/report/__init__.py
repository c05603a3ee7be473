"""Logged runs to one HTML page that answers: in words, tables and charts, and without a request to any host.

The only package that imports Altair (charts as Vega-Lite specifications), vl-convert (Vega's JavaScript)
and Jinja2. May import `leaderboard` and `storage`. Can be called: `fer_bench.report("imbalance")` writes the
report of a study.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


class ReportPackage(ModuleType):
    """The class of this package, which lets it be called, as that of `fer_bench.leaderboard`."""

    def __call__(
        self,
        study: str | Path,
        mlruns: str | Path = "mlruns",
        out: str | Path = "report.html",
        *,
        all_recipes: bool = False,
    ) -> Path:
        """Write the report of a study, also of one in progress, to the HTML file `out`; returns its path.

        `study` is a name or the path of a YAML file, `mlruns` the folder that it was run with. With
        `all_recipes`, cells of earlier versions of the study are there as well. Raises UserError where
        nothing of the study was run, its runs can't be read or the file can't be written.
        """
        from fer_bench.report.page import write_report

        return write_report(Path(out), Path(mlruns), str(study), all_recipes=all_recipes)


sys.modules[__name__].__class__ = ReportPackage
