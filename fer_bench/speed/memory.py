"""How much memory a run takes at its peak, and whether it grows from trial to trial."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.side_by_side import ContestantDied, Figure, contest, limited
from fer_bench.speed.workloads import trial_data
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Phase, Recipe, settings

GIB = 2**30
MOST_PEAK = 4.0  # GiB
EARLY, LATE, MOST_GROWTH = 5, 50, 1.05  # trials, and how much more memory the later ones may have
SAMPLE_SECONDS = 0.2
DEFAULT_RUN = ("run", "--study", "imbalance", "--dataset", "synthetic", "--budget", "quick")


def measure() -> list[Figure]:
    """Peak of the default run, all its processes together; resident memory after 5 and after 50 trials."""
    peak = peak_of_command(DEFAULT_RUN)
    resident = contest({"ours": resident_after_trials}, LATE, warm_up=0)["ours"]
    return [limited("peak of the default run, all processes", peak / GIB, "GiB", MOST_PEAK), growth(resident)]


def growth(resident: Sequence[int]) -> Figure:
    """How much more memory there is after the last trial than after an early one; bytes after each trial."""
    early, late = resident[EARLY - 1] / GIB, resident[-1] / GIB
    what, against = f"resident after {len(resident)} trials", f"after {EARLY}"
    return Figure(what, late, "GiB", against, early, late / early, most=MOST_GROWTH)


def peak_of_command(words: Sequence[str]) -> int:
    """Peak, bytes, of a command of fer-bench with a folder of results of its own; as of `peak_of_process`."""
    with tempfile.TemporaryDirectory() as folder:
        results = ("--mlruns", str(Path(folder) / "mlruns"))
        return peak_of_process([sys.executable, "-m", "fer_bench.cli", *words, *results])


def peak_of_process(line: Sequence[str]) -> int:
    """Largest sum, bytes, of the resident memory of a process and of all that it starts.

    Pages that processes share count once for each of them. Raises ContestantDied where it fails.
    """
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    with tempfile.TemporaryFile("w+") as log:
        with subprocess.Popen(line, stdout=log, stderr=log, env=environment) as started:
            peak, process = 0, psutil.Process(started.pid)
            while started.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    peak = max(peak, sum(map(_resident, [process, *process.children(recursive=True)])))
                time.sleep(SAMPLE_SECONDS)
        if started.returncode:
            log.seek(0)
            end = log.read()[-2000:]
            raise ContestantDied(f"{' '.join(line)} ended with {started.returncode}:\n{end}")
    return peak


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # it has just ended
        return 0


def resident_after_trials() -> Callable[[], int]:
    """Short trials of a small backbone, one a round; resident memory, bytes, after each."""
    from fer_bench.training.trainer import Trainer
    from fer_bench.training.trial import run_trial

    recipe = Recipe(
        image_size=16,
        batch_size=32,
        weights="none",
        augmentation=None,
        phases=(Phase(trainable="head", epochs=1), Phase(trainable="all", epochs=1)),
    )
    data = trial_data(192, 64)
    trainer = Trainer(BACKBONES["compact_cnn"](), recipe, data.pixels, len(CLASSES), None)
    trials = enumerate(itertools.cycle(STRATEGIES))

    def play() -> int:
        seed, strategy = next(trials)
        run_trial(trainer, STRATEGIES[strategy](), settings(recipe), seed, data)
        gc.collect()
        return _resident(psutil.Process())

    return play
