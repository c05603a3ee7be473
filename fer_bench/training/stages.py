"""Stages as trainings go on from them: read from the files of their weights, each once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from fer_bench.errors import UserError, phrase
from fer_bench.training.net import Net
from fer_bench.training.outcome import Stage


class Stages:
    """The stages of a net, by key."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._read: dict[str, Stage] = {}

    def read(self, key: str, weights: Path, check: Callable[[], None] = lambda: None) -> Stage:
        """The stage with this key, from the file of the whole net's weights; read once, after `check`.

        The net is left with other variables than before. Raises UserError where Keras can't read the file.
        """
        if key not in self._read:
            check()
            try:
                self._net.whole.load_weights(weights)
            except (OSError, ValueError, KeyError) as error:
                raise UserError(f"{weights}: not the weights of this net ({phrase(error)})") from None
            self._read[key] = Stage(key, whole_state(self._net))
        return self._read[key]


def whole_state(net: Net) -> list[np.ndarray]:
    """Copies of all variables of a net, as a `Stage` has them."""
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in net.whole.variables]
