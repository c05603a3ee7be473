"""Keras, loaded without what its backend prints meanwhile."""

from __future__ import annotations

import os

from fer_bench.inference.quiet import quiet_standard_error


def load_keras() -> None:
    """Load Keras without what TensorFlow prints meanwhile."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_standard_error():
        import keras  # noqa: F401
