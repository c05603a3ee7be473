"""Memory of processes: all that a command starts, and what stays from trial to trial."""

import sys

import psutil
import pytest

from fer_bench.speed.memory import GIB, growth, peak_of_command, peak_of_process, resident_after_trials
from fer_bench.speed.side_by_side import ContestantDied

MIB = 2**20
HOLD = "import time; block = b'x' * (100 * 2**20); time.sleep(1.5)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}], check=True)"


def test_the_peak_includes_what_a_process_starts():
    assert 100 * MIB < peak_of_process([sys.executable, "-c", PARENT]) < 200 * MIB


def test_a_command_is_measured_whole_and_one_that_fails_is_said():
    empty = peak_of_process([sys.executable, "-c", "import time; time.sleep(0.5)"])
    planned = peak_of_command(("run", "--dataset", "synthetic", "--strategies", "none", "--dry-run"))
    assert planned > empty + 20 * MIB  # NumPy, pydantic and the images
    with pytest.raises(ContestantDied, match=r"(?s)ended with 2:.*did you mean 'imbalance'"):
        peak_of_command(("run", "--study", "imbalanse"))


def test_growth_is_the_last_over_an_early_trial():
    figure = growth([9 * GIB, 1 * GIB, 1 * GIB, 1 * GIB, 2 * GIB, 1 * GIB, 3 * GIB])
    assert (figure.value, figure.other, figure.ratio, figure.met) == (3.0, 2.0, 1.5, False)
    assert (figure.what, figure.against) == ("resident after 7 trials", "after 5")
    assert growth([GIB] * 6).met is True


def test_a_round_trains_a_trial_and_gives_the_memory_of_this_process():
    play = resident_after_trials()
    resident = [play() for _ in range(2)]
    assert resident[-1] == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
