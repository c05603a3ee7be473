"""Real processes that are hurt on purpose, and what they leave behind. As a command, the soak:

python tests/support/soak.py --workers 2 --cells 60 --kills 12

Workers share one study of short stand-in trials; their process groups are killed (SIGKILL) at random moments
and started again until the study is done. It prints figures, and exits with 1 unless every slot counts
exactly once.

Random moments hardly ever meet a write, which takes milliseconds. With `--slow-syncs 0.01`, every fsync and
fdatasync takes so many seconds longer, and all workers are killed at once while mlflow.db or optuna.db is
written. The figures say how many kills left a hot journal, which SQLite has to roll back. Needs a C compiler.
"""

import argparse
import os
import random
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from stand_ins import install_strategies
from tiny_study import tiny_study

# Python imports `sitecustomize` when it starts, in a spawned worker as well: the product needs no hook.
SITE = '''
import functools, importlib.machinery, itertools, os, signal, sys, threading, time

GROUP = int(os.environ.setdefault("HURT_GROUP", str(os.getpgrp())))
PATCHES = {}


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            for patch in PATCHES.pop(name):
                patch(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)


def replace(target, make):
    """Put make(original) in the place of `module:path.to.function`, as soon as the module is imported."""
    module, _, path = target.partition(":")

    def patch(loaded):
        *parents, name = path.split(".")
        owner = functools.reduce(getattr, parents, loaded)
        original = getattr(owner, name)
        setattr(owner, name, functools.wraps(original)(make(original)))

    if module in sys.modules:
        patch(sys.modules[module])
    else:
        PATCHES.setdefault(module, []).append(patch)


def hurting(calls, act, when="before", only=lambda *args, **kwargs: True):
    """What does `act` before or after those calls of a function, counted from 1, for which `only` holds."""

    def make(original):
        count = itertools.count(1)

        def call(*args, **kwargs):
            due = only(*args, **kwargs) and next(count) in calls
            if due and when == "before":
                act()
            result = original(*args, **kwargs)
            if due and when == "after":
                act()
            return result

        return call

    return make


def hurt(target, *how, **more):
    replace(target, hurting(*how, **more))


def training(make):
    """Put make(train) in the place of what trains a trial, be it the real training or a stand-in."""
    replace("fer_bench.runner.worker:load_training", lambda load: lambda: make(load()))


def stand_in(seconds=0.0):
    """Train nothing: sleep up to so many seconds and guess.

    Keras isn't loaded, figures are blank, there is no report, and workers are forked, their imports done.
    """

    def guess(load):
        from stand_ins import SleepingTraining

        return lambda: SleepingTraining(0.0, seconds)

    def without_net(trainers):
        from stand_ins import NoNet

        return lambda data: NoNet()

    def blank(draw):
        from matplotlib.figure import Figure

        return lambda *args: Figure(figsize=(1, 1))

    def forked(get):
        def context(method):
            import fer_bench.runner.context  # MLflow, scikit-learn

            return get("fork")

        return context

    replace("multiprocessing:get_context", forked)
    for figure in ("confusion_matrix", "curves"):
        replace(f"fer_bench.evaluation.figures:{figure}", blank)
    replace("fer_bench.cli.report:report_of_run", lambda write: lambda *args: None)
    replace("fer_bench.runner.worker:load_training", guess)
    replace("fer_bench.runner.worker:TrainerAtHand", without_net)
    replace("fer_bench.environment:device", lambda device: lambda: "none")


def kill():
    """As the system would: everything that the test has started, at once."""
    os.killpg(GROUP, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def fail(error):
    def act():
        raise error

    return act


def disk_full():
    raise OSError(28, "No space left on device")


EVER = range(1, 10**9)
'''


def site(folder: Path, hurt: str) -> str:
    """A value for $PYTHONPATH with which every process runs these lines, and SITE, when it starts."""
    place = Path(tempfile.mkdtemp(dir=folder, prefix="site-"))
    (place / "sitecustomize.py").write_text(SITE + hurt)
    paths = [str(place), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(filter(None, paths))


def start(
    folder: Path,
    *words: str,
    hurt: str = "",
    output: str = "output.txt",
    before: Callable[[], None] | None = None,
    **env: str,
) -> subprocess.Popen:
    """Start a command in `folder`, as leader of a session of its own; what it prints goes to `output`.

    `hurt`: lines of Python with SITE's functions, which every process of it runs when it starts; `before` is
    called between fork and exec.
    """

    def prepare() -> None:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # a shell lets what it starts behind itself ignore Ctrl-C
        if before:
            before()

    environment = os.environ | {"PYTHONPATH": site(folder, hurt), "COLUMNS": "160", "CI": "true", **env}
    environment.setdefault("FER_BENCH_HOME", str(folder / "home"))
    for name in {"MLFLOW_TRACKING_URI", "PYTEST_CURRENT_TEST"} - env.keys():
        environment.pop(name, None)
    with (folder / output).open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "fer_bench.cli", *words],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
    STARTED.append(process)
    return process


STARTED: list[subprocess.Popen] = []


def clear() -> None:
    """Kill what is left of all that was started."""
    while STARTED:
        process = STARTED.pop()
        for each in members(process.pid):
            each.kill()
        process.wait()


def members(session: int) -> list[psutil.Process]:
    """Processes of a session that still live."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def kill(process: subprocess.Popen, patience: float = 20.0) -> None:
    """SIGKILL to a process group; raises AssertionError where something of its session outlives it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = ended(process.pid, patience)
    for each in left:
        each.kill()
    assert not left, f"outlived the kill: {[each.cmdline() for each in left]}"


def ended(session: int, patience: float = 20.0) -> list[psutil.Process]:
    """What is left of a session when everything had the time to end."""
    until = time.monotonic() + patience
    while (left := members(session)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def query(database: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        return connection.execute(statement).fetchall()


RUNS = """
select r.run_uuid, r.status,
  max(case when t.key = 'fer_bench.counted' then t.value end),
  max(case when t.key = 'fer_bench.cell' then t.value end),
  max(case when t.key = 'fer_bench.kind' then t.value end),
  max(case when t.key = 'fer_bench.slot' then t.value end),
  max(case when t.key = 'mlflow.parentRunId' then t.value end)
from runs r left join tags t on t.run_uuid = r.run_uuid
where r.lifecycle_stage = 'active' group by r.run_uuid
"""
SLOTS = ("trial", "repeat", "stage")


@dataclass
class Books:
    """What result files, MLflow and Optuna say; `counted`: runs that count, by (cell, kind, slot).

    `statuses` are those of the slots' runs, `cells` those of the cells' own, by cell, and `nested` the runs
    that are nested under the run of their cell, by cell.
    """

    begun: int
    results: dict[str, int]
    statuses: Counter[str]
    cells: dict[str, list[str]]
    nested: Counter[str]
    counted: Counter[tuple[str, str, int]]
    trials: Counter[str]
    damage: list[str]

    @classmethod
    def of(cls, mlruns: Path, mlflow: Path | None = None) -> "Books":
        """Read them; `mlflow`: a server's database, in the place of mlruns/mlflow.db."""
        begun, results = [], {}
        for path in (mlruns / "results").glob("*/*"):
            if path.suffix == ".begun":
                begun.append(path)
            if path.suffix == ".npz":
                results[f"{path.parent.name}/{path.name}"] = path.stat().st_mtime_ns
        runs: list[tuple] = []
        trials: list[tuple] = []
        damage = []
        mlflow, optuna = mlflow or mlruns / "mlflow.db", mlruns / "optuna.db"
        if mlflow.exists():
            damage += query(mlflow, "pragma integrity_check")
            runs = query(mlflow, RUNS)
        if optuna.exists():
            damage += query(optuna, "pragma integrity_check")
            trials = query(optuna, "select state from trials")
        cells: dict[str, list[str]] = {}
        of_cells = {run: cell for run, _, _, cell, kind, _, _ in runs if kind == "cell"}
        for _, status, _, cell, kind, _, _ in runs:
            if kind == "cell":
                cells.setdefault(cell, []).append(status)
        return cls(
            len(begun),
            results,
            Counter(status for _, status, _, _, kind, _, _ in runs if kind in SLOTS),
            cells,
            Counter(cell for _, _, _, cell, _, _, parent in runs if parent and of_cells.get(parent) == cell),
            Counter(
                (cell, kind, int(slot)) for _, _, counts, cell, kind, slot, _ in runs if counts == "true"
            ),
            Counter(state for (state,) in trials),
            [word for (word,) in damage if word != "ok"],
        )

    def faults(self, cells: int, trials: int, repeats: int) -> list[str]:
        """What is wrong with the books of a finished study."""
        wrong = [f"damaged: {word}" for word in self.damage]
        stages = {slot for _, kind, slot in self.counted if kind == "stage"}
        expected = Counter({"trial": cells * trials, "repeat": cells * repeats, "stage": len(stages)})
        if (found := Counter(kind for _, kind, _ in self.counted)) != expected:
            wrong.append(f"slots that count: {dict(found)}, expected {dict(expected)}")
        wrong += [f"{slot} counts {times} times" for slot, times in self.counted.items() if times > 1]
        if self.statuses["RUNNING"]:
            wrong.append(f"{self.statuses['RUNNING']} runs left RUNNING")
        if found := {cell: each for cell, each in self.cells.items() if each != ["FINISHED"]}:
            wrong.append(f"runs of cells: {found}, expected one each, FINISHED")
        if len(self.cells) != cells:
            wrong.append(f"{len(self.cells)} cells have a run, expected {cells}")
        if found := [cell for cell in self.cells if self.nested[cell] < trials + repeats]:
            wrong.append(f"runs that aren't nested under that of their cell: {found}")
        if self.trials != (expected := Counter(COMPLETE=cells * trials)):
            wrong.append(f"Optuna's trials: {dict(self.trials)}, expected {dict(expected)}")
        if self.results and len(self.results) < cells * (trials + repeats):
            wrong.append(f"{len(self.results)} result files")
        return wrong


# Kills while a database is written

SYNCS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int slowly(const char *name, int file) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(MICROSECONDS);
    return sync(file);
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
"""


def compiler() -> str | None:
    """A C compiler, which `slow_syncs` needs, on a system that knows LD_PRELOAD."""
    return (shutil.which("cc") or shutil.which("gcc")) if sys.platform == "linux" else None


def slow_syncs(folder: Path, seconds: float) -> dict[str, str]:
    """Variables that let every fsync and fdatasync of a process and its children take so much longer."""
    source, library = folder / "syncs.c", folder / "syncs.so"
    source.write_text(SYNCS.replace("MICROSECONDS", str(round(seconds * 1e6))))
    subprocess.run([compiler() or "cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


def hot(database: Path) -> bool:
    """Whether a database has a journal that would be rolled back if its writer were gone.

    It begins with zeros until it is whole on the disk. To open the database would roll it back.
    """
    try:
        with database.with_name(f"{database.name}-journal").open("rb") as file:
            return file.read(1) not in (b"", b"\0")
    except FileNotFoundError:
        return False


def kill_writing(running: list[subprocess.Popen], database: Path, delay: float) -> bool:
    """Kill all `delay` seconds after a database begins to be written; whether it is left to be rolled back.

    All, because one that goes on would roll back what another left before it is started again.
    """
    while not hot(database):
        if all(process.poll() is not None for process in running):
            return False
        time.sleep(0.001)
    time.sleep(delay)
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for process in running:
        process.wait()
        assert not ended(process.pid)
    return hot(database)


# The soak

SEARCH = {"dropout": {"low": 0.0, "high": 0.5}}


@dataclass
class Figures:
    """What a soak has come to; `hot`: how many kills left this database to be rolled back."""

    kills: int
    at_start: int
    books: Books
    seconds: float
    faults: list[str]
    syncs: float
    hot: Counter[str]

    def __str__(self) -> str:
        lost = self.books.begun - len(self.books.results)
        left = f"{self.hot.total()} left a hot journal {dict(self.hot)}, " if self.syncs else ""
        return (
            f"{self.kills} kills ({self.at_start} while starting), {left}{self.seconds:.0f} s: "
            f"{len(self.books.counted)} slots, counted {self.books.counted.total()} times; "
            f"{self.books.begun} attempts begun, {lost} of them lost; runs {dict(self.books.statuses)}; "
            f"Optuna {dict(self.books.trials)}; "
            f"both databases pass integrity_check: {not self.books.damage}"
            + "".join(f"\nWRONG: {fault}" for fault in self.faults)
        )


def soak(
    folder: Path,
    workers: int,
    cells: int,
    kills: int,
    seed: int,
    seconds: float,
    commands: Iterable[str],
    syncs: float = 0.0,
) -> Figures:
    """Have workers do a study and kill one of them `kills` times; `commands`: theirs, in turn.

    With slow `syncs`, so many seconds each, all of them are killed each time, while a database is written.
    """
    rng, begun = random.Random(seed), time.monotonic()
    study = tiny_study(
        recipe={"image_size": 16, "phases": [{"trainable": "head", "epochs": 2}]}, repeats=1,
        strategies=install_strategies(folder, cells), search=SEARCH,
    )  # fmt: skip
    (folder / "soak.yaml").write_text(study)
    lines = [shlex.split(each) for each in commands]
    slow = slow_syncs(folder, syncs) if syncs else {}

    def launch(number: int) -> subprocess.Popen:
        words = lines[number % len(lines)]
        return start(folder, *words, hurt=f"stand_in({2 * seconds})", output=f"worker-{number}.txt", **slow)

    running = {number: launch(number) for number in range(workers)}
    done = at_start = failed = 0
    hot: Counter[str] = Counter()

    def strike(number: int) -> list[int]:
        """Kill this worker, or all of them while a database is written; which were killed."""
        if not syncs:
            if running[number].poll() is not None:
                return []
            kill(running[number])
            return [number]
        database = folder / "mlruns" / ("mlflow.db", "optuna.db")[done % 2]
        hot[database.name] += kill_writing(list(running.values()), database, rng.uniform(0.0, 2.0 * syncs))
        return [each for each in running if running[each].returncode == -signal.SIGKILL]

    while running:
        if done < kills:
            number = rng.choice(sorted(running))
            early = rng.random() < 0.2
            wait(folder / f"worker-{number}.txt", running[number], "loading" if early else " trial ")
            time.sleep(rng.uniform(0.0, 8.0 * seconds))
            killed = strike(number)
            if killed:
                done, at_start = done + 1, at_start + early
                running |= {each: launch(each) for each in killed}
        else:
            time.sleep(0.5)
        for number, process in list(running.items()):
            if (code := process.poll()) is None:
                continue
            assert code in (0, 1), (folder / f"worker-{number}.txt").read_text()
            failed += code
            del running[number]
    books = Books.of(folder / "mlruns")
    faults = books.faults(cells, trials=2, repeats=1)
    if failed:
        faults.append(f"{failed} workers say that something failed")
    if done < kills:
        faults.append(f"only {done} kills before all was done: more cells, or longer trials")
    return Figures(done, at_start, books, time.monotonic() - begun, faults, syncs, hot)


def wait(output: Path, process: subprocess.Popen, word: str, patience: float = 600.0) -> None:
    """Wait until a process has printed a word, or has ended."""
    until = time.monotonic() + patience
    while word not in output.read_text() and process.poll() is None:
        assert time.monotonic() < until, f"waited in vain for {word!r}:\n{output.read_text()}"
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill workers at random while they share a study.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.5, help="longest half of a stand-in trial")
    parser.add_argument(
        "--command", action="append",
        help="of a worker, after `fer-bench`; several take turns (default: run --study soak.yaml)",
    )  # fmt: skip
    parser.add_argument(
        "--slow-syncs", type=float, default=0.0, metavar="SECONDS",
        help="let an fsync take so much longer, e.g. 0.01, and kill all workers while a database is written",
    )  # fmt: skip
    chosen = parser.parse_args()
    if chosen.slow_syncs and not compiler():
        parser.error("--slow-syncs needs a C compiler (cc or gcc), on Linux")
    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = soak(
                Path(folder), chosen.workers, chosen.cells, chosen.kills, chosen.seed, chosen.seconds,
                chosen.command or ["run --study soak.yaml"], chosen.slow_syncs,
            )  # fmt: skip
        finally:
            clear()
    sys.stdout.write(f"{figures}\n")
    return bool(figures.faults)


if __name__ == "__main__":
    sys.exit(main())
