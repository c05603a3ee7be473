"""Which precision `auto` is, decided in the plan: so a cell's key names what it is trained in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from fer_bench.backbones.base import BACKBONES
from fer_bench.environment import Bfloat16, bfloat16
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import Cell, StudySpec

Precision = Literal["bfloat16", "float32"]


def decide(spec: StudySpec, find: Callable[[], Bfloat16] = bfloat16) -> tuple[list[Cell], str]:
    """A study's cells, `auto` in their recipes decided, and a line that says how; "" without any `auto`."""
    cells = spec.cells()
    if spec.recipe.precision != "auto":
        return cells, ""
    found = find()
    chosen = {name: _fastest(name, found) for name in spec.backbones}
    # All are ranked together, under float32 where there is both: so are the same cells without the others.
    ranked = _with(spec.recipe, "float32" if "float32" in chosen.values() else "bfloat16")
    common = spec.model_copy(update={"recipe": ranked}).recipe_hash
    cells = [replace(cell, recipe=_with(cell.recipe, chosen[cell.backbone]), common=common) for cell in cells]
    return cells, _line(chosen, found.reason)


def _with(recipe: Recipe, precision: Precision) -> Recipe:
    return recipe.model_copy(update={"precision": precision})


def _fastest(backbone: str, found: Bfloat16) -> Precision:
    """Precision for a backbone: bfloat16 where the device computes in it and that makes it faster."""
    return "bfloat16" if found.device in BACKBONES[backbone].gains_by_bfloat16 else "float32"


def _line(chosen: dict[str, Precision], reason: str) -> str:
    """Such as `precision: bfloat16 for vgg16 (CPU has avx512_bf16), float32 for mobilenet_v2`."""
    parts: list[str] = []
    for precision in ("bfloat16", "float32"):
        if names := [name for name, value in chosen.items() if value == precision]:
            why = f" ({reason})" if not parts else ""
            parts.append(f"{precision} for {', '.join(names)}{why}")
    return f"precision: {', '.join(parts)}"
