"""A model kept among a run's artifacts, as MLflow keeps models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.keras
import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from fer_bench.storage.databases import tracking_uri
from fer_bench.storage.mlflow_client import open_client

NAME = "model"
HISTORY = "mlflow.log-model.history"  # tag by which MLflow's page knows a model among a run's artifacts


def log_model(
    mlruns: Path,
    run_id: str,
    model: Any,
    example: np.ndarray,
    classes: Sequence[str],
    requirements: list[str],
) -> str:
    """Keep a Keras model among a run's artifacts, in place of one kept before; its address in MLflow.

    Not as one of MLflow's "logged models", which lie outside of the run: each export would add one, and they
    outlive their run. `requirements` are given, or MLflow would load the model in a process to find them out.
    """
    client = open_client(tracking_uri(mlruns))
    pictures = Schema([TensorSpec(np.dtype("float32"), (-1, -1, -1, -1))])
    probabilities = Schema([TensorSpec(np.dtype("float32"), (-1, len(classes)))])
    about = Model(artifact_path=NAME, run_id=run_id)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.keras.save_model(
            model,
            folder,
            mlflow_model=about,
            signature=ModelSignature(pictures, probabilities),
            input_example=example,
            pip_requirements=requirements,
            metadata={"classes": list(classes)},
        )
        client.log_artifacts(run_id, folder, NAME)
    client.set_tag(run_id, HISTORY, json.dumps([about.get_tags_dict()]))
    return f"runs:/{run_id}/{NAME}"
