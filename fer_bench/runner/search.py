"""How a cell's parameters are found, slot by slot, by Optuna's sampler."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.samplers import TPESampler

from fer_bench.hashing import derive_seed
from fer_bench.search_space import STARTUP_SLOTS, suggest
from fer_bench.storage.optuna_store import frozen_trial
from fer_bench.storage.result_files import Result
from fer_bench.study.spec import Cell, defaults, space

optuna.logging.set_verbosity(optuna.logging.WARNING)


def draw(cell: Cell, shared_key: str, slot: int, history: Mapping[int, Result]) -> dict[str, float]:
    """Parameters of a slot, from the results of the slots before it: the same whenever they are drawn.

    The generator is seeded without the strategy and shared parameters are drawn first, so that blindly drawn
    slots are paired across strategies. (A sampler kept across a restart would repeat its first draws.)
    """
    if slot == 0:
        return defaults(cell)
    shared, own = space(cell)
    sampler = TPESampler(seed=derive_seed(shared_key, "draw", slot), n_startup_trials=STARTUP_SLOTS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([frozen_trial(cell, history[s]) for s in sorted(history) if s < slot])
    trial = study.ask()
    return suggest(trial, shared) | suggest(trial, own)
