"""The pretrained weights of all backbones of a study."""

from __future__ import annotations

from fer_bench.backbones.pretrained import MissingWeights, Weights, find_weights
from fer_bench.errors import UserError
from fer_bench.study.spec import StudySpec


def find_all_weights(spec: StudySpec, may_download: bool) -> dict[str, Weights]:
    """Weights of every backbone; one UserError for all that are missing, with what to type instead."""
    weights: dict[str, Weights] = {}
    missing: dict[str, list[str]] = {}
    for name in spec.backbones:
        try:
            weights[name] = find_weights(name, spec.recipe.weights, may_download)
        except MissingWeights as error:
            missing.setdefault(str(error), []).append(name)
    if missing:
        lines = [f"{', '.join(names)}: {reason}" for reason, names in missing.items()]
        hint = [f"without them: --backbones {','.join(weights)}"] if weights else []
        raise UserError("\n".join(lines + hint))
    return weights
