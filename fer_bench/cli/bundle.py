"""`fer-bench bundle` and `verify`: a study's results as one file, and whether such a file fits itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fer_bench.cli.options import Mlruns, Study, console, plural
from fer_bench.errors import UserError

MOST_FAULTS = 20  # that are shown
GIVEN = (
    "seeds, parameters, what trials scored, learning curves, times, commits, versions, weights, and that the "
    "logits are those of the nets that are named"
)


def bundle(
    out: Annotated[Path, typer.Option(help="Zip to write.")],
    study: Study = None,
    mlruns: Mlruns = Path("mlruns"),
) -> None:
    """Write a study's results to one file, from which leaderboard and report can be made anywhere.

    It holds labels, decisions, logits, scores, histories and where they come from; no images, no weights.

    [bold]Example[/bold]

    fer-bench bundle --study imbalance --out results.zip
    """
    from fer_bench.files import check_file
    from fer_bench.storage.bundle_writer import write_bundle
    from fer_bench.storage.study_runs import DEFAULT_STUDY, read_runs
    from fer_bench.study.file import study_name

    check_file(out, "results.zip")
    runs = read_runs(mlruns, study)
    if not runs.repeats:
        raise UserError(
            "no repeat of this study is finished, so there is nothing to bundle: fer-bench run goes on"
        )
    written = write_bundle(runs, study_name(study or DEFAULT_STUDY), out)
    cells = len({repeat.cell for repeat in runs.repeats})
    counts = (
        f"{plural(written.repeats, 'repeat')} of {plural(cells, 'cell')}, {plural(len(runs.trials), 'trial')}"
    )
    lines = [f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB): {counts}"]
    if written.whole:
        lines.append(f"logits of {written.whole:,} have 32 bits, as 16 would change a decision")
    if written.without:
        lines.append(
            f"{written.without:,} were not logged with all that logits need: only leaderboard shows them"
        )
    console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)


def verify(file: Annotated[Path, typer.Argument(help="What fer-bench bundle wrote.")]) -> None:
    """Recompute every score of a bundle from its logits and decisions, compare every hash.

    What doesn't fit is named, and the exit code is 1. Nothing in the file is executed or trusted. Labels are
    compared with those of the dataset where the same one is imported here.

    [bold]Example[/bold]

    fer-bench verify results.zip
    """
    from fer_bench.storage.verify import verify as check

    found = check(file)
    for fault in found.faults[:MOST_FAULTS]:
        console.print(f"[red]{escape(fault)}[/red]", highlight=False, soft_wrap=True)
    if len(found.faults) > MOST_FAULTS:
        console.print(f"and {len(found.faults) - MOST_FAULTS:,} more", highlight=False)
    outcome = f"{len(found.faults):,} things don't fit" if found.faults else "all fits"
    labels = f"; labels as in {', '.join(found.datasets)} here" if found.datasets else ""
    runs = f"{plural(found.repeats, 'repeat')} of {plural(found.cells, 'cell')}"
    lines = [
        f"{file}: {outcome}",
        f"study {found.study}: {runs}, {found.numbers:,} numbers recomputed, {found.members:,} members "
        f"compared with their SHA-256{labels}",
        f"taken as given: {'; '.join([*found.given, GIVEN])}",
    ]
    console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)
    if found.faults:
        raise SystemExit(1)
