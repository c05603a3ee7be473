"""Servers on loopback, for tests and for the scaling command: PostgreSQL (Debian's package) and MLflow."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from soak import ended


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[None]:
    """An MLflow server whose database, artifacts and log lie in `folder`."""
    command = [
        sys.executable, "-m", "mlflow", "server",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination", str(folder / "kept"),
    ]  # fmt: skip
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "server.txt").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.txt").read_text()
                time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        assert ended(process.pid) == []


def postgres_programs() -> Path | None:
    """Folder of initdb and postgres: that of the newest package, or of $PATH; None where there is none."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    named = shutil.which("initdb")
    every = [*([Path(named)] if named else []), *packaged]
    return every[-1].parent if every else None


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A server with databases `optuna` and `mlflow` in `folder`; gives its address, to which /NAME is added.

    Root runs it as `postgres`.
    """
    programs, port = postgres_programs(), free_port()
    assert programs, "no PostgreSQL here"
    cluster = folder / "cluster"
    cluster.mkdir(parents=True)
    become: dict = {}
    if os.getuid() == 0:
        become = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(cluster, "postgres", "postgres")
        for parent in cluster.parents:  # pytest's folders are for their owner alone
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 0o711)
    subprocess.run(
        [programs / "initdb", "--pgdata", cluster, "--auth", "trust", "--username", "fer", "--no-sync"],
        check=True, capture_output=True, cwd=cluster, **become,
    )  # fmt: skip
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", str(cluster), "-c", "fsync=off"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", cluster, *options],
        cwd=cluster, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **become,
    )  # fmt: skip
    try:
        ready = [programs / "pg_isready", "--host", "127.0.0.1", "--port", str(port), "--timeout", "1"]
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert server.poll() is None, "PostgreSQL ended"
        # Optuna and MLflow number their schemas in tables of one name: each needs a database of its own.
        for name in ("optuna", "mlflow"):
            create = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "fer", name]
            subprocess.run(create, check=True, cwd=cluster)
        yield f"postgresql+psycopg://fer@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # its fast shutdown: SIGTERM would wait for open connections
        server.wait()
