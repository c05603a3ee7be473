"""Slots of a search, each drawn from those before it; for tests and the child processes that they start."""

from collections.abc import Callable
from typing import Any

from fer_bench.runner.search import draw
from fer_bench.search_space import Range
from fer_bench.storage.result_files import Result
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import Cell

SEARCH = {"learning_rate": Range(1e-5, 1e-2, True), "dropout": Range(0.0, 0.5)}
RECIPE = Recipe(learning_rate=2e-3, head={"dropout": 0.2})
Parameters = dict[str, float]


def cell(strategy: str = "focal_loss", search: dict[str, Range] = SEARCH) -> Cell:
    """A cell of that strategy with two shared parameters to search."""
    return Cell("compact_cnn", strategy, RECIPE, search)


def result(slot: int, parameters: Parameters, score: float = 0.5, status: Any = "complete") -> Result:
    """A trial's result with a validation score, or a failed one without."""
    scores = {"val/macro_f1": score} if status == "complete" else {}
    return Result("key", "trial", slot, 1, 7, parameters, status, f"run-{slot}", 1.0, scores=scores)


def history(
    slots: int, strategy: str = "focal_loss", score: Callable[[Parameters], float] = lambda _: 0.5
) -> dict[int, Result]:
    """Results of so many slots, each drawn from those before it."""
    results: dict[int, Result] = {}
    for slot in range(slots):
        parameters = draw(cell(strategy), "shared", slot, results)
        results[slot] = result(slot, parameters, score(parameters))
    return results
