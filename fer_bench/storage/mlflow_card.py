"""A model card among a run's artifacts, and its beginning as the run's description on MLflow's page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from shutil import copyfile

from fer_bench.storage.databases import tracking_uri
from fer_bench.storage.mlflow_client import open_client

NAME = "model_card.md"


def log_card(mlruns: Path, run_id: str, card: Path, summary: str) -> None:
    """Keep a card among a run's artifacts, in place of one kept before, and describe the run by a summary."""
    client = open_client(tracking_uri(mlruns))
    with tempfile.TemporaryDirectory() as folder:
        client.log_artifact(run_id, str(copyfile(card, Path(folder) / NAME)))
    client.set_tag(run_id, "mlflow.note.content", f"{summary}\n\nAll of it: artifact {NAME}.")
