"""Keras, loaded without what its backend prints meanwhile."""

from __future__ import annotations

import os


def load_keras() -> None:
    """Load Keras without what TensorFlow prints meanwhile, which no setting of its own turns off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
