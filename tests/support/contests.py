"""A contest without processes of its own: one import of TensorFlow is enough for a test."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fer_bench.speed.side_by_side import Contestant

T = TypeVar("T")


class ContestHere:
    """Stand-in for `contest` that plays all rounds in this process; `results` are those of each call."""

    def __init__(self) -> None:
        self.results: list[dict[str, list[Any]]] = []

    def __call__(
        self, makers: Mapping[str, Contestant[T]], rounds: int, warm_up: int = 1
    ) -> dict[str, list[T]]:
        plays = {name: maker() for name, maker in makers.items()}
        rows = [{name: play() for name, play in plays.items()} for _ in range(warm_up + rounds)]
        self.results.append({name: [row[name] for row in rows[warm_up:]] for name in makers})
        return self.results[-1]
