"""`fer-bench report`: what was found, as one HTML file; also written at the end of a run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fer_bench.cli.options import From, Mlruns, Study, console
from fer_bench.errors import phrase


def report(
    study: Study = None,
    mlruns: Mlruns = Path("mlruns"),
    from_file: From = None,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    every: Annotated[
        bool, typer.Option("--all", help="Also cells of earlier versions of the study.")
    ] = False,
) -> None:
    """Write what a study found to one HTML file: in words, tables and charts, with how sure it is.

    The file needs no other and asks no host for anything. A study in progress can be reported.

    [bold]Examples[/bold]

    fer-bench report --study imbalance --out report.html

    fer-bench report --from results.zip
    """
    from fer_bench.report.page import write_report

    write_report(out, mlruns, study, from_file, all_recipes=every)
    console.print(f"wrote {escape(str(out))}", highlight=False, soft_wrap=True)


def report_of_run(study: str, mlruns: Path, only: Collection[str]) -> Path | None:
    """Write the report of a run beside its stores, and say so; where it can't be written, say why."""
    out = mlruns / f"report-{study}.html"
    try:
        from fer_bench.report.page import write_report

        written = write_report(out, mlruns, study, only=only)
        said = f"report: {out}"
    except Exception as error:  # the run is done and its results are kept, whatever is wrong with the page
        written, said = None, f"no report: {phrase(error) or type(error).__name__}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return written
