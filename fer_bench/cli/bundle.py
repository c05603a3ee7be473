"""`fer-bench bundle` and `verify`: a study's results as one file, and whether such a file fits itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fer_bench.cli.options import Mlruns, Study, console


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
    written = write_bundle(runs, study_name(study or DEFAULT_STUDY), out)
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    cells = len({repeat.cell for repeat in runs.repeats})
    lines = [
        f"wrote {out} ({size}): {written.repeats:,} repeats of {cells:,} cells, {len(runs.trials):,} trials"
    ]
    if written.whole:
        lines.append(f"logits of {written.whole:,} have 32 bits, as 16 would change a decision")
    if written.without:
        lines.append(
            f"{written.without:,} were not logged with all that logits need: only leaderboard shows them"
        )
    console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)
