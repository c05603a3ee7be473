"""A PostgreSQL server of Debian's package on loopback, for tests and for the scaling command."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def programs() -> Path | None:
    """Folder of initdb and postgres: that of the newest package, or of $PATH; None where there is none."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    named = shutil.which("initdb")
    found = [*([Path(named)] if named else []), *packaged]
    return found[-1].parent if found else None


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A server with databases `optuna` and `mlflow` in `folder`; gives its address, to which /NAME is added.

    Root runs it as `postgres`.
    """
    where, port = programs(), free_port()
    assert where, "no PostgreSQL here"
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
        [where / "initdb", "--pgdata", cluster, "--auth", "trust", "--username", "fer", "--no-sync"],
        check=True, capture_output=True, cwd=cluster, **become,
    )  # fmt: skip
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", str(cluster), "-c", "fsync=off"]
    server = subprocess.Popen(
        [where / "postgres", "-D", cluster, *options],
        cwd=cluster, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **become,
    )  # fmt: skip
    try:
        ready = [where / "pg_isready", "--host", "127.0.0.1", "--port", str(port), "--timeout", "1"]
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert server.poll() is None, "PostgreSQL ended"
        # Optuna and MLflow number their schemas in tables of one name: each needs a database of its own.
        for name in ("optuna", "mlflow"):
            create = [where / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "fer", name]
            subprocess.run(create, check=True, cwd=cluster)
        yield f"postgresql+psycopg://fer@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # its fast shutdown: SIGTERM would wait for open connections
        server.wait()
