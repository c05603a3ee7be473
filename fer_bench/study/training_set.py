"""The keys of a study that thin its training split to an imbalance ratio and disturb its labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fer_bench.study.strict import Real, Share, Strict

Ratio = Annotated[Real, Field(ge=1)]
Weight = Annotated[Real, Field(gt=0)]


def _listed(value: object) -> object:
    """A single value as a list of one."""
    return value if value is None or isinstance(value, list | tuple) else (value,)


def _weighted(value: object) -> object:
    """A confusion whose single classes have the weight 1."""
    if not isinstance(value, dict):
        return value
    return {name: {others: 1.0} if isinstance(others, str) else others for name, others in value.items()}


class TrainingSet(Strict):
    """What is done to the training split, and to nothing else. Of several values each makes a board."""

    imbalance_ratio: Annotated[tuple[Ratio, ...] | None, BeforeValidator(_listed), Field(min_length=1)] = None
    imbalance_profile: Literal["exponential", "step"] = "exponential"
    total: Literal["constant", "shrink"] = "constant"
    """constant: with each ratio as many images as all listed ratios can have; shrink: as many as it can."""
    label_noise: Annotated[tuple[Share, ...] | None, BeforeValidator(_listed), Field(min_length=1)] = None
    """Share of each class's training labels that is wrong."""
    label_noise_along: Annotated[
        dict[str, Annotated[dict[str, Weight], Field(min_length=1)]], BeforeValidator(_weighted)
    ] = Field(default_factory=dict)
    """Which classes are taken for which; empty is each for all others alike."""

    @field_validator("imbalance_ratio", "label_noise")
    @classmethod
    def _each_once(cls, values: tuple[float, ...] | None) -> Any:
        return None if values is None else tuple(dict.fromkeys(values))

    @model_validator(mode="after")
    def _one_list(self) -> TrainingSet:
        if len(self.imbalance_ratio or ()) > 1 and len(self.label_noise or ()) > 1:
            raise ValueError(
                "imbalance_ratio and label_noise both list several values; give one to one of them"
            )
        if self.label_noise_along and not self.label_noise:
            raise ValueError("label_noise_along says where labels go; label_noise must say how many")
        return self
