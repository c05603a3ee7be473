"""A study as checked plain data, the cells that it consists of, and their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from fer_bench.backbones.base import BACKBONES, Backbone
from fer_bench.data.split_names import SplitName
from fer_bench.hashing import digest
from fer_bench.registry import Registry, unknown
from fer_bench.search_space import Range, ranges
from fer_bench.strategies.base import STRATEGIES, Strategy, overrides
from fer_bench.study.messages import explain
from fer_bench.study.recipe import Recipe, Settings, settings
from fer_bench.study.strict import Count, ImageSize, Positive, Rate, Real, Strict
from fer_bench.study.training_set import TrainingSet

UNTUNED = " (defaults)"  # behind the name of a strategy that takes the defaults beside a tuned one


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


class BackboneRecipe(Strict):
    """What one backbone needs otherwise than the recipe says."""

    image_size: ImageSize | None = None
    learning_rate: Rate | None = None
    """In place of the recipe's. A search for it moves along by the same factor."""

    @property
    def words(self) -> tuple[str, ...]:
        """What it says, such as `learning_rate 0.0001`."""
        return tuple(f"{name} {value:g}" for name, value in self.model_dump(exclude_none=True).items())


class StudySpec(TrainingSet):
    """One question: these backbones and strategies, on this data, with so many trials and repeats."""

    dataset: str = "fer2013"
    split: SplitName = "official"
    backbones: tuple[str, ...] = Field(min_length=1)
    strategies: tuple[str, ...] = Field(min_length=1)
    recipe: Recipe = Recipe()
    of_backbone: dict[str, BackboneRecipe] = Field(default_factory=dict)
    search: dict[str, SearchRange] = Field(default_factory=dict)
    trials: Count = 1
    """0 takes the defaults of all that is searched, and trains no trial."""
    repeats: Positive = 5
    """From fewer the noise of seeds is hardly known: with 2 intervals are wide, with 1 there are none."""
    train_images: Positive | None = None
    val_images: Positive | None = None
    test_images: Positive | None = None
    reported: dict[str, Real] = Field(default_factory=dict)
    """Scores that others reported: shares (accuracy, macro_f1, f1/<class>), losses, or by other names."""

    @field_validator("of_backbone")
    @classmethod
    def _known_backbones(cls, recipes: dict[str, BackboneRecipe]) -> dict[str, BackboneRecipe]:
        for name in recipes:
            BACKBONES[name]  # raises UserError for an unknown one
        return recipes

    @field_validator("backbones", "strategies")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        registry: Registry[type[Backbone]] | Registry[type[Strategy]]
        registry = BACKBONES if info.field_name == "backbones" else STRATEGIES
        for name in names:
            registry[name]  # raises UserError for an unknown one
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
            if name == "augmentation_strength" and not self.recipe.augmented:
                raise ValueError("search.augmentation_strength: there is no augmentation to strengthen")
            for end in ("low", "high"):
                try:
                    Settings(**{**defaults, name: getattr(span, end)})
                except ValidationError as error:
                    raise ValueError(f"search.{name}.{end}: {explain(error.errors()[0])}") from None
            if not span.low <= defaults[name] <= span.high:
                raise ValueError(
                    f"search.{name}: the recipe's own value {defaults[name]} (tried first) lies outside "
                    f"[{span.low}, {span.high}]"
                )
        for name in self.backbones:
            if self.recipe_of(name).image_size < (least := BACKBONES[name].smallest):
                raise ValueError(f"{name} needs an image_size of at least {least}")
        for name in self.strategies:
            if reason := idle(STRATEGIES[name], self.recipe):
                raise ValueError(f"{name} {reason}")
        return self

    @property
    def samples(self) -> tuple[int | None, int | None, int | None]:
        """Images to draw for train, val and test; None is all of them."""
        return self.train_images, self.val_images, self.test_images

    def recipe_of(self, backbone: str) -> Recipe:
        """The recipe with what this backbone has of its own."""
        own = self.of_backbone.get(backbone, BackboneRecipe())
        return self.recipe.model_copy(update=own.model_dump(exclude_none=True))

    @property
    def own_recipes(self) -> tuple[str, ...]:
        """A line for each backbone that is trained otherwise than the recipe says."""
        return tuple(
            f"trained otherwise than the others: {name}, with {' and '.join(own.words)}"
            for name, own in self.of_backbone.items()
            if name in self.backbones and own.words
        )

    def _ranges(self) -> dict[str, Range]:
        """Ranges of the search, as the study names them."""
        return {name: Range(s.low, s.high, s.log) for name, s in self.search.items()}

    def _spans(self, backbone: str) -> dict[str, Range]:
        """Ranges of the search for a backbone."""
        spans = self._ranges()
        factor = self.recipe_of(backbone).learning_rate / self.recipe.learning_rate
        if factor != 1 and (span := spans.get("learning_rate")):
            spans["learning_rate"] = Range(span.low * factor, span.high * factor, span.log)
        return spans

    @property
    def recipe_hash(self) -> str:
        """Short hash of the recipe and the search space, as of a backbone that has nothing of its own.

        So it is the same whichever of the study's backbones are run: all are ranked together.
        """
        return _recipe_hash(self.recipe, self._ranges())

    def cells(self) -> list[Cell]:
        """Every backbone with every strategy, backbone by backbone.

        Behind a `none` that is tuned comes one that isn't, so that it can be seen what tuning alone brings.
        """
        common = self.recipe_hash if self.own_recipes else ""
        tuned = [
            Cell(b, s, self.recipe_of(b), self._spans(b), common=common)
            for b in self.backbones
            for s in self.strategies
        ]
        searched = self.trials > 1 and self.search  # the only trial there is takes the defaults
        return [
            each
            for cell in tuned
            for each in (
                [cell, replace(cell, tuned=False)] if searched and cell.strategy == "none" else [cell]
            )
        ]


@dataclass(frozen=True)
class Cell:
    """One backbone with one strategy under one recipe and search space."""

    backbone: str
    strategy: str
    recipe: Recipe
    search: Mapping[str, Range]
    tuned: bool = True
    """Else it takes the defaults of all that is searched, and has no trials whatever the study says."""
    common: str = ""
    """Short hash of the study's recipe, in place of that of its own, so that all are on one board."""

    @property
    def label(self) -> str:
        """The strategy for people and tags: of a cell that is not tuned one of its own, `none (defaults)`."""
        return self.strategy if self.tuned else self.strategy + UNTUNED

    @property
    def name(self) -> str:
        """For people: backbone/strategy."""
        return f"{self.backbone}/{self.label}"

    def key(self, data: Mapping[str, object], weights_hash: str) -> str:
        """Hash (16 hex digits) of all that decides the cell's numbers on this data."""
        strategy = STRATEGIES[self.strategy]
        tuned = {name: vars(span) for name, span in ranges(strategy).items()}
        parts = [self.shared_key(data, weights_hash), self.strategy, tuned, vars(strategy())]
        return digest(parts if self.tuned else [*parts, "defaults"])

    def stage_key(self, data: Mapping[str, object], weights_hash: str) -> str:
        """Hash (16 hex digits) of all that decides the stages of the cell's backbone: its shared phases."""
        recipe = self.recipe.model_dump(mode="json")
        recipe["phases"] = recipe["phases"][: self.recipe.shared_phases]
        return digest(["stage", self.backbone, recipe, dict(data), weights_hash])

    def shared_key(self, data: Mapping[str, object], weights_hash: str) -> str:
        """The key without the strategy: all strategies of a backbone share it, and derive seeds from it."""
        search = {name: vars(span) for name, span in self.search.items()}
        return digest([self.backbone, self.recipe.model_dump(mode="json"), search, dict(data), weights_hash])

    @property
    def recipe_hash(self) -> str:
        """Short hash of recipe and search space, the same for all cells that may be ranked together."""
        if self.common:
            return self.common
        return _recipe_hash(self.recipe, self.search)


def idle(strategy: type[Strategy], recipe: Recipe) -> str:
    """Why a strategy can't act under a recipe, and what it needs; "" where it can."""
    own = recipe.own_phases
    if overrides(strategy, "resample_features") and not recipe.frozen(own.start):
        place = "phase behind the shared ones" if own.start else "first phase"
        return (
            "works on the features of a frozen trunk: it needs `augmentation: none` and a "
            f"{place} with `trainable: head`"
        )
    two_stage = strategy.head in ("fresh", "scaled")
    if two_stage and not (own.start and all(recipe.phases[p].trainable == "head" for p in own)):
        return (
            "trains the head again behind a trained trunk: it needs phases with `shared: true`, and behind "
            "them `trainable: head` alone"
        )
    if overrides(strategy, "augment_strength") and not any(
        augmentation and augmentation.scales for augmentation in map(recipe.augmentation_of, own)
    ):
        return "changes the strength of augmentation: it needs a phase, not shared, with ranges to strengthen"
    mixing = strategy().mixing(np.ones(2), 0.5)
    if mixing and mixing.box and recipe.frozen(own.stop - 1):
        return "pastes a part of one image into another: it needs a phase that trains on images"
    return ""


def space(cell: Cell) -> tuple[dict[str, Range], dict[str, Range]]:
    """Ranges that all strategies share, and those of the cell's strategy (`focal_loss.gamma`)."""
    of_strategy = ranges(STRATEGIES[cell.strategy])
    return dict(cell.search), {f"{cell.strategy}.{name}": span for name, span in of_strategy.items()}


def defaults(cell: Cell) -> dict[str, float]:
    """Values that the recipe and the strategy have for all that is searched, where no search changes them."""
    shared, of_strategy = space(cell)
    recipe, strategy = settings(cell.recipe).model_dump(), vars(STRATEGIES[cell.strategy]())
    return {name: recipe[name] for name in shared} | {
        name: strategy[name.split(".")[1]] for name in of_strategy
    }


def as_used(cell: Cell, parameters: Mapping[str, float]) -> tuple[Strategy, Settings]:
    """The strategy and the settings with the parameters of a trial."""
    prefix = f"{cell.strategy}."
    of_strategy = {name.removeprefix(prefix): v for name, v in parameters.items() if name.startswith(prefix)}
    shared = {name: v for name, v in parameters.items() if not name.startswith(prefix)}
    return STRATEGIES[cell.strategy](**of_strategy), settings(cell.recipe).model_copy(update=shared)


def _recipe_hash(recipe: Recipe, search: Mapping[str, Range]) -> str:
    return digest([recipe.model_dump(mode="json"), {name: vars(span) for name, span in search.items()}])[:8]
