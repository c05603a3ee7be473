"""From a study's file to the checked study: the file's keys, changed by recipe, budget and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from fer_bench.errors import UserError, check_name
from fer_bench.registry import unknown
from fer_bench.study.messages import explain
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import StudySpec
from fer_bench.study.strict import Strict

MOST_LINES = 4  # of an error; more is no help
OVERRIDING = ("budgets", "recipes")  # keys of a study that change its other keys

Origins = dict[tuple[str, ...], str]
"""Which budget or recipe a key of the study (or of its recipe) comes from."""


def recipe_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a study's recipes, each with a leaderboard of its own; ("",) where it has only one."""
    return tuple(_named(content, "recipes")) or ("",)


def resolve(
    content: Mapping[str, Any], budget: str | None = None, recipe_name: str = "", **overrides: Any
) -> StudySpec:
    """Checked study: the file's keys, then the named recipe's, the budget's, and `overrides` except None.

    A budget may change a recipe by its name, too. Keys of `recipe` are replaced one by one. Raises UserError,
    one line for each thing that is wrong.
    """
    keys = {key: value for key, value in content.items() if key not in OVERRIDING}
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
        for name in (recipes := _named(budgets[budget], "recipes", f"{here}.")):
            if name not in known:
                raise UserError(f"{here}: {_no_recipe(name, known)}")
        shared = {key: value for key, value in budgets[budget].items() if key != "recipes"}
        _override(keys, shared, here, origins)
        _override(keys, recipes.get(recipe_name, {}), f"{here}.recipes.{recipe_name}", origins)
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
    """Budgets or recipes by name, each with the keys that it changes; UserError for anything else."""
    named = {} if content.get(kind) is None else content[kind]
    if not isinstance(named, dict) or not all(
        isinstance(name, str) and isinstance(changes, dict) for name, changes in named.items()
    ):
        raise UserError(f"{within}{kind}: expected a mapping of names to the keys that each overrides")
    for name in named:
        check_name(f"{within}{kind}:", name)
    return named


def _override(keys: dict[str, Any], changes: Mapping[str, Any], origin: str, origins: Origins) -> None:
    """Enter changes into the keys of a study, those of `recipe` one by one, and where they come from."""
    for key, value in changes.items():
        merged = key == "recipe" and isinstance(value, dict) and isinstance(keys.get(key), dict)
        keys[key] = {**keys[key], **value} if merged else value
        origins.update({(key, str(inner)): origin for inner in value} if merged else {(key,): origin})


def _explain(error: ValidationError, origins: Origins) -> str:
    """One line for each thing that is wrong with a study, at most MOST_LINES; names the nearest known key."""
    lines = []
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            continue  # pydantic counts the valid entries; the invalid ones have lines already
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        origin = origins.get(path[:2]) or origins.get(path[:1]) or ""
        if detail["type"] == "extra_forbidden":
            message = _unknown_key(list(path[:-1]), path[-1], origin)
            lines.append(f"{origin}: {message}" if origin else message)
            continue
        where = ".".join([origin, *path] if origin else path)
        within = dict.fromkeys(o for changed, o in origins.items() if changed[: len(path)] == path)
        line = f"{where}: {explain(detail)}" if where else explain(detail)
        lines.append(line if origin or not within else f"with {' and '.join(within)}: {line}")
    lines = list(dict.fromkeys(lines))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"and {len(lines) - MOST_LINES + 1} more errors"]
    return "\n".join(lines)


def _unknown_key(place: list[str], key: str, origin: str) -> str:
    """Message for a key that the model at a place of the study doesn't have."""
    if not place and key in Recipe.model_fields:
        return f"study key {key!r} belongs under recipe"
    model: type[Strict] = StudySpec
    for part in place:
        if part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    known = {*model.model_fields, *([] if place or origin else OVERRIDING)}
    return unknown(f"key of {'.'.join(place)}" if place else "study key", key, known)


def _models(annotation: object) -> Iterator[type[Strict]]:
    """The models among a type and its parts."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
