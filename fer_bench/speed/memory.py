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
from collections.abc import Callable
from pathlib import Path

import psutil

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.synthetic import CLASSES
from fer_bench.speed.side_by_side import ContestantDied, Figure, contest, limited
from fer_bench.speed.workloads import trial_data
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.recipe import Phase, Recipe, settings

GIB = 2**30
PEAK = 4.0  # GiB
EARLY, LATE, GROWTH = 5, 50, 1.05  # trials, and how much more memory the later ones may have
SAMPLE_SECONDS = 0.2
DEFAULT_RUN = ("--study", "imbalance", "--dataset", "synthetic", "--budget", "quick")


def measure(words: tuple[str, ...] = DEFAULT_RUN) -> list[Figure]:
    """Peak of the default run, all its processes together; resident memory after 5 and after 50 trials."""
    peak = peak_of_run(words) / GIB
    resident = contest({"ours": residents}, LATE, warm_up=0)["ours"]
    early, late = resident[EARLY - 1] / GIB, resident[-1] / GIB
    return [
        limited("peak of the default run, all processes", peak, "GiB", PEAK),
        Figure(
            f"resident after {LATE} trials", late, "GiB", f"after {EARLY}", early, late / early, most=GROWTH
        ),
    ]


def peak_of_run(words: tuple[str, ...]) -> int:
    """Largest sum, bytes, of the resident memory of `fer-bench run` and of all it starts.

    Pages that processes share count once for each of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        line = [
            sys.executable,
            "-m",
            "fer_bench.cli",
            "run",
            *words,
            "--mlruns",
            str(Path(folder) / "mlruns"),
        ]
        here = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        log = Path(folder) / "log"
        with log.open("w") as file, subprocess.Popen(line, stdout=file, stderr=file, env=here) as run:
            peak, first = 0, psutil.Process(run.pid)
            while run.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    peak = max(peak, sum(map(_resident, [first, *first.children(recursive=True)])))
                time.sleep(SAMPLE_SECONDS)
        if run.returncode:
            raise ContestantDied(f"fer-bench run ended with {run.returncode}:\n{log.read_text()[-2000:]}")
    return peak


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # it has just ended
        return 0


def residents() -> Callable[[], int]:
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
