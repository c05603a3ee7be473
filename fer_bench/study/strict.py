"""What a study file's models are made of: numbers in a range, and a model that refuses unknown keys."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


Positive = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
# Not strict: YAML reads 1e-3, without a point, as a word.
Real = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
Share = Annotated[Real, Field(ge=0, lt=1)]
Decay = Annotated[Real, Field(gt=0, lt=1)]
NotNegative = Annotated[Real, Field(ge=0)]
Rate = Annotated[Real, Field(gt=0, le=10)]
ImageSize = Annotated[int, Field(ge=16, le=255, strict=True)]


class Strict(BaseModel):
    """Frozen; refuses keys it doesn't know and values that are not of the type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    later: ClassVar[tuple[str, ...]] = ()
    """Fields that are younger than the first keys of cells: a dump leaves out those that have their default,
    so that the key of a recipe stays the same."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        same = {name for name in self.later if getattr(self, name) == fields[name].default}
        return {name: value for name, value in content.items() if name not in same}
