"""Several workers and several machines on one study: every slot counts once."""

import importlib.util
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from servers import free_port, mlflow_server, postgres, postgres_programs
from soak import Books, ended, kill, query, start, wait
from tiny_study import tiny_study

from fer_bench.runner.events import CellBegun, Ended, Event, SlotEnded

PHASES = [
    {"trainable": "all", "epochs": 1, "shared": True},
    {"trainable": "head", "epochs": 1, "augmentation": "none"},
]
STUDY = tiny_study(
    recipe={"image_size": 16, "phases": PHASES},
    strategies=["none", "class_weights", "focal_loss", "oversampling"],
)
SLOTS = {"cells": 4, "trials": 2, "repeats": 2}


def board(folder: Path, **env: str) -> list[str]:
    """Lines of the leaderboard as a machine's folder gives them, but for times."""
    words = ["leaderboard", "--study", "tiny", "--out", "board.csv"]
    assert start(folder, *words, output="board.txt", **env).wait(timeout=300) == 0
    import pandas as pd

    frame = pd.read_csv(folder / "board.csv")
    timed = [name for name in frame if "seconds" in name or "images_per" in name or "memory" in name]
    return frame.drop(columns=timed).to_csv().splitlines()


def test_two_workers_of_one_command_share_the_cells(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    process = start(tmp_path, "run", "--study", "tiny.yaml", "--workers", "2", hurt="stand_in()")
    assert process.wait(timeout=600) == 0, (tmp_path / "output.txt").read_text()
    assert Books.of(tmp_path / "mlruns").faults(**SLOTS) == []
    assert not list(tmp_path.glob("mlruns/results/*.log")), "logs of workers that ended well are gone"


def test_a_worker_dies_with_the_process_that_started_it(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    process = start(tmp_path, "worker", "--study", "tiny.yaml")
    wait(tmp_path / "output.txt", process, "loading")
    process.kill()
    process.wait()
    assert ended(process.pid) == [], "no orphan"


@pytest.mark.slow
@pytest.mark.skipif(not postgres_programs(), reason="PostgreSQL is not installed")
def test_two_machines_share_a_study_through_postgresql_and_an_mlflow_server(tmp_path):
    port, machines = free_port(), [tmp_path / "one", tmp_path / "two"]
    for machine in machines:
        machine.mkdir()
        (machine / "tiny.yaml").write_text(STUDY)
    (tmp_path / "served").mkdir()
    with postgres(tmp_path / "cluster") as address, mlflow_server(tmp_path / "served", port):
        env = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        words = ["worker", "--study", "tiny.yaml", "--storage", f"{address}/optuna"]
        running = [start(machine, *words, **env) for machine in machines]
        wait(machines[0] / "output.txt", running[0], "trial 0:")
        time.sleep(1)
        kill(running[0])
        running[0] = start(machines[0], *words, output="again.txt", **env)
        for process, machine in zip(running, machines, strict=True):
            assert process.wait(timeout=900) == 0, [p.read_text() for p in machine.glob("*.txt")]
        books = Books.of(machines[0] / "mlruns", tmp_path / "served" / "server.db")
        assert set(books.counted.values()) == {1}
        assert Counter(kind for _, kind, _ in books.counted) == Counter(stage=2, trial=8, repeat=8)
        assert books.statuses["RUNNING"] == 0
        made = [len(list(machine.glob("mlruns/results/*/*.begun"))) for machine in machines]
        assert all(made), f"attempts of each machine: {made}"
        assert board(machines[0], **env) == board(machines[1], **env)
        assert not (machines[0] / "mlruns" / "optuna.db").exists()


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed")
def test_ray_places_workers_anew_when_a_node_is_lost(workplace, monkeypatch):
    from ray.cluster_utils import Cluster

    from fer_bench.runner.ray_cluster import run
    from fer_bench.study.plan import make_plan

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2])]))
    Path("tiny.yaml").write_text(STUDY)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    events: list[Event] = []
    try:
        for event in run(make_plan("tiny.yaml"), cluster.address, 2):
            events.append(event)
            if isinstance(event, SlotEnded) and lost:
                cluster.remove_node(lost, allow_graceful=False)
                lost = None
    finally:
        cluster.shutdown()
    assert events[-1] == Ended(failures=())
    assert Books.of(workplace / "mlruns").faults(**SLOTS) == []
    assert {event.worker for event in events if isinstance(event, CellBegun)} == {0, 1}
    assert query(workplace / "mlruns" / "mlflow.db", "select count(*) from runs")[0][0] >= 16
