"""What a plan consists of: cells, and the stages that they go on from, with what their numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass

from fer_bench.backbones.pretrained import Weights
from fer_bench.study.spec import Cell


@dataclass(frozen=True)
class Task:
    """One cell of a plan, with what its numbers depend on."""

    cell: Cell
    key: str
    shared_key: str
    weights: Weights
    effective_prior: dict[str, float]
    warnings: tuple[str, ...]
    hours: float
    stages: tuple[str, ...] = ()
    """Keys of the stages that its trainings go on from, by repeat; trials go on from the first."""
    stage_key: str = ""
    trials: int = 0

    @property
    def name(self) -> str:
        """For people: backbone/strategy."""
        return self.cell.name

    @property
    def seed_key(self) -> str:
        """What seeds are derived from: the same for all strategies of a backbone, and for its stages."""
        return self.stage_key or self.shared_key


@dataclass(frozen=True)
class StageTask(Task):
    """The shared phases of a backbone with one seed, trained by `none` for all strategies."""

    slot: int = 0

    @property
    def name(self) -> str:
        """For people: the backbone."""
        return self.cell.backbone
