"""MLflow's own pages on our runs, served on this machine only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from fer_bench.cli.ports import check_free, check_port
from fer_bench.errors import UserError, phrase
from fer_bench.storage.databases import hide_password, no_runs_yet, tracking_uri

START_SECONDS = 90
APP = "fer-bench"  # name of the entry point of `storage.mlflow_pages`


def serve(mlruns: Path, port: int, console: Console) -> None:
    """Run `mlflow server` until interrupted, and print the pages worth opening.

    Raises UserError where there are no runs, or the port is none or taken.
    """
    check_port(port)
    from fer_bench.storage.mlflow_client import experiment_names

    uri = tracking_uri(mlruns)
    if no_runs_yet(mlruns):
        raise UserError(f"{mlruns} holds no runs: fer-bench run first, or --mlruns with another folder")
    experiments = experiment_names(mlruns)
    studies = [study for _, study in experiments.values()]
    if uri.startswith("http"):
        refresh(mlruns, studies, console)
        console.print("the runs are on a server already")
        _print_pages(mlruns, experiments, hide_password(uri).rstrip("/"), console, ours=False)
        return
    check_free(port)
    address = f"http://127.0.0.1:{port}"
    server = _start(uri, port)
    try:
        _wait_for(server, address)
        refresh(mlruns, studies, console)
        _print_pages(mlruns, experiments, address, console, _installed())
        console.print("Ctrl-C ends it")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def refresh(mlruns: Path, studies: Iterable[str], console: Console) -> None:
    """Bring the cells that MLflow shows up to date; where that can't be done, say so and go on."""
    from fer_bench.leaderboard.in_mlflow import log_leaderboard

    for study in dict.fromkeys(studies):
        try:
            log_leaderboard(mlruns, study)
        except Exception as error:  # a store that can't be written, or MLflow's own errors
            console.print(f"cells of {study} are shown as they were: {phrase(error)}", markup=False)


def _print_pages(
    mlruns: Path,
    experiments: Mapping[str, tuple[str, str]],
    address: str,
    console: Console,
    ours: bool,
) -> None:
    """Print the pages of each experiment (id -> name and study): cells, their bars and tables, the files.

    A server that isn't `ours` has MLflow's own pages alone.
    """
    from fer_bench.storage.cell_runs import study_run
    from fer_bench.storage.mlflow_view import VIEW

    for number, (name, _) in experiments.items():
        page = f"{address}/#/experiments/{number}/runs"
        cells, mode = f"{address}/cells/{number}", "?mode="
        if not ours:
            cells = f"{page}?workflowType=machine_learning&viewStateShareKey={VIEW}"
            mode = "&compareRunsMode="
        pages = {"cells": cells, "charts": f"{cells}{mode}CHART", "per class": f"{cells}{mode}ARTIFACT"}
        if run := study_run(mlruns, number):
            pages["files"] = f"{page}/{run}/artifacts?workflowType=machine_learning"
        lines = [f"  {what + ':':10} {where}" for what, where in pages.items()]
        console.print(f"[bold]{escape(name)}[/bold]")
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _installed() -> bool:
    """Whether MLflow finds our page; not where fer-bench was installed before there was one."""
    return any(each.name == APP for each in entry_points(group="mlflow.app"))


def _start(uri: str, port: int) -> subprocess.Popen[bytes]:
    """MLflow's server with one worker and without its job runner: 2 processes instead of 9."""
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": uri,
    }
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    command += ["--app-name", APP] if _installed() else []
    return subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(f"mlflow server ended with {server.returncode}: try `mlflow server` by hand")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    raise UserError(f"mlflow server did not answer within {START_SECONDS} s")
