"""The runs of a study, from the stores that they were logged to or from a bundle of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fer_bench.errors import UserError
from fer_bench.storage.records import StudyRuns

DEFAULT_STUDY = "imbalance"


def read_runs(
    mlruns: Path,
    study: str | None = None,
    from_file: Path | None = None,
    *,
    only: Collection[str] = (),
    with_trials: bool = True,
) -> StudyRuns:
    """Statuses, repeats and trials of a study: of the stores in `mlruns`, or of the bundle `from_file` alone.

    `study` is a name or the path of a YAML file; None is the bundle's, or without one `imbalance`. Of stores
    `only` some experiments are read, else also models from elsewhere that were scored on the same data; and
    trials, most of the runs by far, only if they are asked for. Raises
    UserError where nothing of the study was run, and where the bundle isn't one or is of another study.
    """
    from fer_bench.study.file import study_name

    wanted = study_name(study) if study else None
    if from_file is not None:
        from fer_bench.storage.bundle import Bundle

        bundle = Bundle(from_file)
        if wanted not in (None, bundle.study.study):
            raise UserError(
                f"{from_file} holds study {bundle.study.study!r}, not {wanted!r}: leave --study out"
            )
        return bundle.runs()
    from fer_bench.storage.logged_runs import read_study_runs, read_trials
    from fer_bench.storage.scored import scored_runs

    wanted = wanted or DEFAULT_STUDY
    statuses, repeats = read_study_runs(mlruns, wanted, only)
    if not only:
        boards = [status.board for status in statuses] + [repeat.board for repeat in repeats]
        finished, scored = scored_runs(mlruns, wanted, boards)
        known = {repeat.run_id for repeat in scored}
        repeats = [repeat for repeat in repeats if repeat.run_id not in known] + scored
        statuses = statuses + finished
    return StudyRuns(statuses, repeats, read_trials(mlruns, wanted, only) if with_trials else [])
