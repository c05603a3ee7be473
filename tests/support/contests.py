"""A contest without processes of its own: one import of TensorFlow is enough for a test."""

from collections.abc import Mapping
from typing import TypeVar

from fer_bench.speed.side_by_side import Contestant

T = TypeVar("T")


def contest_here(makers: Mapping[str, Contestant[T]], rounds: int, warm_up: int = 1) -> dict[str, list[T]]:
    """What `contest` gives, all of it played in this process."""
    plays = {name: maker() for name, maker in makers.items()}
    rows = [{name: play() for name, play in plays.items()} for _ in range(warm_up + rounds)]
    return {name: [row[name] for row in rows[warm_up:]] for name in makers}
