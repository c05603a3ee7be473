"""A study: what a YAML file holds as checked plain data, and the cells it consists of, with their keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from fer_bench.backbones.base import BACKBONES
from fer_bench.errors import UserError, check_name
from fer_bench.recipe import Positive, Real, Recipe, Settings, Strict, settings
from fer_bench.registry import unknown
from fer_bench.search_space import Range, ranges
from fer_bench.strategies.base import STRATEGIES, Strategy

SplitName = Literal["official", "union", "random_80_10_10", "random_80_20", "test_as_validation"]
MOST_LINES = 4  # of an error; more is no help
NAMED = ("budgets", "recipes")  # keys whose parts override the others
EXPECTED = {  # pydantic's types of error, whose own words speak of Python
    "missing": "is missing",
    "too_short": "expected at least one",
    "tuple_type": "expected a list, as in [a, b]",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "expected keys and values"),
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "expected a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "expected a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "expected true or false"),
    "string_type": "expected a word",
    "finite_number": "expected a finite number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "literal_error": "expected {expected}",
}
Origins = dict[tuple[str, ...], str]  # where a key of the study (or of its recipe) was overridden


class SearchRange(Strict):
    """Range that a shared parameter is drawn from."""

    low: Real
    high: Real
    log: bool = False

    @model_validator(mode="after")
    def _right_way_up(self) -> SearchRange:
        if self.low > self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low} must not exceed high {self.high}, and be above 0 if log")
        return self


class StudySpec(Strict):
    """One question: these backbones and strategies, on this data, with this budget."""

    dataset: str = "fer2013"
    split: SplitName = "official"
    backbones: tuple[str, ...] = Field(min_length=1)
    strategies: tuple[str, ...] = Field(min_length=1)
    recipe: Recipe = Recipe()
    search: dict[str, SearchRange] = Field(default_factory=dict)
    trials: Positive = 1
    repeats: Positive = 2
    train_images: Positive | None = None
    val_images: Positive | None = None
    test_images: Positive | None = None
    reported: dict[str, Real] = Field(default_factory=dict)
    """What others reported of it: shares (accuracy, macro_f1, f1/<class>), losses, or other words."""

    @field_validator("backbones", "strategies")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:
        registry: Any = BACKBONES if info.field_name == "backbones" else STRATEGIES
        for name in names:
            registry[name]
        return tuple(dict.fromkeys(names))

    @field_validator("reported")
    @classmethod
    def _shares(cls, reported: dict[str, float]) -> dict[str, float]:
        for name, value in reported.items():
            share = "loss" not in name and ("accuracy" in name or "f1" in name)
            if value < 0 or (share and value > 1):
                expected = "a share from 0 to 1" if share else "0 or more"
                raise ValueError(f"{name}: expected {expected}, got {value:g}")
        return reported

    @model_validator(mode="after")
    def _searchable(self) -> StudySpec:
        defaults = settings(self.recipe).model_dump()
        for name, span in self.search.items():
            if name not in defaults:
                raise ValueError(unknown("search parameter", name, defaults))
            if name == "augmentation_strength" and self.recipe.augmentation is None:
                raise ValueError("search.augmentation_strength: the recipe has no augmentation to strengthen")
            for end in ("low", "high"):
                try:
                    Settings(**{**defaults, name: getattr(span, end)})
                except ValidationError as error:
                    raise ValueError(f"search.{name}.{end}: {_said(error.errors()[0])}") from None
            if not span.low <= defaults[name] <= span.high:
                raise ValueError(
                    f"search.{name}: the recipe's own value {defaults[name]} (tried first) lies outside "
                    f"[{span.low}, {span.high}]"
                )
        for name in self.backbones:
            if self.recipe.image_size < (least := BACKBONES[name].smallest):
                raise ValueError(f"{name} needs an image_size of at least {least}")
        for name in self.strategies:
            makes_features = STRATEGIES[name].resample_features is not Strategy.resample_features
            if makes_features and not self.recipe.frozen(0):
                raise ValueError(
                    f"{name} works on the features of a frozen trunk: it needs `augmentation: none` and a "
                    "first phase with `trainable: head`"
                )
        return self

    @property
    def samples(self) -> tuple[int | None, int | None, int | None]:
        """Images to draw for train, val and test; None is all of them."""
        return self.train_images, self.val_images, self.test_images

    def cells(self) -> list[Cell]:
        """Every backbone with every strategy, backbone by backbone."""
        spans = {name: Range(s.low, s.high, s.log) for name, s in self.search.items()}
        return [Cell(b, s, self.recipe, spans) for b in self.backbones for s in self.strategies]


@dataclass(frozen=True)
class Cell:
    """One backbone with one strategy under one recipe and search space."""

    backbone: str
    strategy: str
    recipe: Recipe
    search: Mapping[str, Range]

    @property
    def name(self) -> str:
        """For people: backbone/strategy."""
        return f"{self.backbone}/{self.strategy}"

    def key(self, data: Mapping[str, Any], weights_hash: str) -> str:
        """Hash (16 hex digits) of all that decides the cell's numbers on the given data."""
        strategy = STRATEGIES[self.strategy]
        tuned = {name: vars(span) for name, span in ranges(strategy).items()}
        return digest([self.shared_key(data, weights_hash), self.strategy, tuned, vars(strategy())])

    def shared_key(self, data: Mapping[str, Any], weights_hash: str) -> str:
        """The key less the strategy: what the strategies of one backbone share, and draw seeds from."""
        search = {name: vars(span) for name, span in self.search.items()}
        return digest([self.backbone, self.recipe.model_dump(mode="json"), search, dict(data), weights_hash])

    @property
    def recipe_hash(self) -> str:
        """Short hash of recipe and search space."""
        search = {name: vars(span) for name, span in self.search.items()}
        return digest([self.recipe.model_dump(mode="json"), search])[:8]


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of plain data, keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def derive_seed(*parts: str | int) -> int:
    """Seed in [0, 2^31) that belongs to exactly these words and numbers."""
    return int(hashlib.sha256(json.dumps(parts).encode()).hexdigest(), 16) % 2**31


def recipe_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a study's recipes, each a board of its own; ("",) where it has but the one."""
    return tuple(_named(content, "recipes")) or ("",)


def resolve(
    content: Mapping[str, Any], budget: str | None = None, recipe_name: str = "", **overrides: Any
) -> StudySpec:
    """Checked study: the file's keys, the named recipe's, the budget's, then `overrides` but for None.

    A budget may change a recipe by its name, too. Keys of `recipe` are replaced one by one. Raises UserError,
    one line for each thing that is wrong.
    """
    keys = {key: value for key, value in content.items() if key not in NAMED}
    origins: Origins = {}
    if recipe_name not in (known := recipe_names(content)):
        raise UserError(_no_recipe(recipe_name, known))
    if recipe_name:
        _override(keys, content["recipes"][recipe_name], f"recipes.{recipe_name}", origins)
    budgets = _named(content, "budgets")
    if budget is not None:
        if budget not in budgets:
            raise UserError(unknown("budget", budget, budgets) if budgets else "this study has no budgets")
        here = f"budgets.{budget}"
        for name in (own := _named(budgets[budget], "recipes", f"{here}.")):
            if name not in known:
                raise UserError(f"{here}: {_no_recipe(name, known)}")
        shared = {key: value for key, value in budgets[budget].items() if key != "recipes"}
        _override(keys, shared, here, origins)
        _override(keys, own.get(recipe_name, {}), f"{here}.recipes.{recipe_name}", origins)
    options = {key: value for key, value in overrides.items() if value is not None}
    try:
        return StudySpec.model_validate(keys | options)
    except ValidationError as error:
        raise UserError(
            _explain(error, {path: origin for path, origin in origins.items() if path[0] not in options})
        ) from None


def _no_recipe(name: str, known: Sequence[str]) -> str:
    return unknown("recipe", name, known) if any(known) else "this study has but one recipe"


def _named(content: Mapping[str, Any], kind: str, within: str = "") -> dict[str, dict[str, Any]]:
    """Budgets or recipes by name, each a mapping of keys that it overrides; UserError for anything else."""
    named = {} if content.get(kind) is None else content[kind]
    if not isinstance(named, dict) or not all(
        isinstance(name, str) and isinstance(changes, dict) for name, changes in named.items()
    ):
        raise UserError(f"{within}{kind}: expected a mapping of names to the keys that each overrides")
    for name in named:
        check_name(f"{within}{kind}:", name)
    return named


def _override(keys: dict[str, Any], changes: Mapping[str, Any], origin: str, origins: Origins) -> None:
    for key, value in changes.items():
        merged = key == "recipe" and isinstance(value, dict) and isinstance(keys.get(key), dict)
        keys[key] = {**keys[key], **value} if merged else value
        origins.update({(key, str(inner)): origin for inner in value} if merged else {(key,): origin})


def _explain(error: ValidationError, origins: Origins) -> str:
    """One line for each thing that is wrong with a study, with the nearest known key; a few lines in all."""
    lines = []
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            continue  # pydantic counts the entries that are right; those that are wrong have lines already
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        origin = origins.get(path[:2]) or origins.get(path[:1]) or ""
        if detail["type"] == "extra_forbidden":
            message = _unknown_key(list(path[:-1]), path[-1], origin)
            lines.append(f"{origin}: {message}" if origin else message)
            continue
        where = ".".join([origin, *path] if origin else path)
        within = dict.fromkeys(o for changed, o in origins.items() if changed[: len(path)] == path)
        said = f"{where}: {_said(detail)}" if where else _said(detail)
        lines.append(said if origin or not within else f"with {' and '.join(within)}: {said}")
    lines = list(dict.fromkeys(lines))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"and {len(lines) - MOST_LINES + 1} more errors"]
    return "\n".join(lines)


def _said(detail: Any) -> str:
    """What was expected of a value and what came, from an error of pydantic's."""
    kind, value = detail["type"], detail["input"]
    message = detail["msg"].removeprefix("Value error, ")
    if kind in EXPECTED:
        message = EXPECTED[kind].format(**detail.get("ctx", {})).replace("'", "")
    if kind == "int_type" and isinstance(value, str) and value.isdecimal():
        message += " without quotes"
    if kind in ("missing", "too_short") or (kind == "value_error" and isinstance(value, (dict, Strict))):
        return message
    try:
        return f"{message}, got {'nothing' if value is None else repr(value)[:60]}"
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"{message}, got thousands of digits"


def _unknown_key(place: list[str], key: str, origin: str) -> str:
    if not place and key in Recipe.model_fields:
        return f"study key {key!r} belongs under recipe"
    model: type[Strict] = StudySpec
    for part in place:
        if part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    known = {*model.model_fields, *([] if place or origin else NAMED)}
    return unknown(f"key of {'.'.join(place)}" if place else "study key", key, known)


def _models(annotation: Any) -> Iterator[type[Strict]]:
    """Models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
