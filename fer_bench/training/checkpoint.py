"""A training's state on the disk: killed, it goes on from its last finished epoch, the same to the last bit.

What training doesn't change is not in it: the images, the order of the rows, synthetic rows and the features
of a frozen trunk follow from the seed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_bench.files import atomic
from fer_bench.training.outcome import TrialState


@dataclass(frozen=True, eq=False)
class Saved:
    """A training after an epoch, with so many `epochs` of the phase finished, maybe the phase itself.

    `counters` are those of the phase's callbacks, in their order; `variables` are `Trainer.variables`, and
    `optimizer` those of the phase's optimizer.
    """

    phase: int
    epochs: int
    phase_ended: bool
    counters: list[dict[str, float | None]]
    trial: TrialState
    variables: list[np.ndarray]
    optimizer: list[np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """The file of a training's state, written after an epoch if `seconds` have passed since the last time.

    `identity`, plain data, says which training it is. A file of another one, or one that can't be read, is
    removed and not used.
    """

    path: Path
    identity: Mapping[str, object]
    seconds: float = 30.0

    def write(self, saved: Saved) -> None:
        """Write the file, whole or not at all; raises OSError where the disk won't take it."""
        plain, arrays = _parts(saved)
        arrays["content"] = np.array(json.dumps({"identity": self.identity, **plain}))
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def read(self) -> Saved | None:
        """What was saved; None where there is no file, or none that counts."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                content = json.loads(str(file["content"]))
                if content.pop("identity") == json.loads(json.dumps(self.identity)):
                    return _whole(content, {name: file[name] for name in file.files})
        except FileNotFoundError:
            return None
        except Exception:  # a damaged archive may raise almost anything: BadZipFile, zlib.error, MemoryError
            pass
        with contextlib.suppress(OSError):
            self.path.unlink()
        return None


def _parts(saved: Saved) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """What JSON can hold of it, and its arrays by name and place."""
    plain, trial = dict(vars(saved)), dict(vars(saved.trial))
    lists = {name: plain.pop(name) for name in ("variables", "optimizer")}
    lists |= {"best_state": trial.pop("best_state"), "best_logits": [trial.pop("best_logits")]}
    arrays = {f"{name}.{i}": array for name, each in lists.items() for i, array in enumerate(each)}
    return {**plain, "trial": trial}, arrays


def _whole(plain: dict, arrays: Mapping[str, np.ndarray]) -> Saved:
    """The opposite of `_parts`."""

    def listed(name: str) -> list[np.ndarray]:
        number = sum(key.startswith(f"{name}.") for key in arrays)
        return [arrays[f"{name}.{i}"] for i in range(number)]

    trial = TrialState(
        **plain.pop("trial"), best_state=listed("best_state"), best_logits=arrays["best_logits.0"]
    )
    return Saved(**plain, trial=trial, variables=listed("variables"), optimizer=listed("optimizer"))
