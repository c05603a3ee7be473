"""Everything about training but the strategy: sizes, optimizer, schedule, augmentation, phases, head."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from fer_bench.study.augmentation import Augmentation
from fer_bench.study.strict import Decay, ImageSize, NotNegative, Positive, Rate, Real, Share, Strict


class LastLayers(Strict):
    """The last layers of the trunk."""

    last: Positive


def _layers(value: object) -> object:
    """Raise one error for a wrong value; pydantic would raise one for each of the types."""
    if isinstance(value, dict):
        last = value.get("last")
        fine = len(value) == 1 and type(last) is int and 1 <= last <= 1_000_000
    else:
        fine = isinstance(value, LastLayers) or value in ("head", "all")
    if not fine:
        raise ValueError("expected head, all or {last: N}, N a whole number from 1")
    return value


def _none_word(value: object) -> object:
    """None for the word none, as YAML knows only null."""
    return None if value == "none" else value


def _augmentation(value: object) -> object:
    """Raise one error for a wrong word; pydantic would raise one for each of the types."""
    if isinstance(value, str) and value != "recipe":
        raise ValueError("expected recipe, none, or keys and values")
    return value


class Phase(Strict):
    """A stretch of epochs in which the same layers are trained; the head always is."""

    later = ("shared", "augmentation", "reset_head")

    trainable: Annotated[Literal["head", "all"] | LastLayers, BeforeValidator(_layers)]
    epochs: Positive
    learning_rate: Rate | None = None
    """None is the recipe's. A rate drawn by the search scales the rates of all phases by the same factor."""
    shared: bool = False
    """Trained once per backbone and seed, for all strategies, trials and repeats: by `none`, with the
    recipe's own settings. Shared phases come first."""
    augmentation: Annotated[
        Augmentation | Literal["recipe"] | None,
        BeforeValidator(_augmentation),
        BeforeValidator(_none_word),
    ] = "recipe"
    """The phase's own, or none; `recipe` is the recipe's."""
    reset_head: bool = False
    """Draw the head anew before the phase, instead of going on from that of the phase before."""

    @property
    def label(self) -> str:
        """Name for people: head, last 50 or all."""
        return self.trainable if isinstance(self.trainable, str) else f"last {self.trainable.last}"


class BatchNorm(Strict):
    """What BatchNormalization of unfrozen trunk layers does in training."""

    mode: Literal["live", "frozen"] = "live"
    """live: batch statistics, moving averages updated; frozen: as if not trainable."""
    momentum: Real | None = Field(None, gt=0, lt=1)
    """Of the moving averages; None is 0.9, as Keras' 0.99 to 0.999 need more steps than most trials have."""


class Head(Strict):
    """From features to logits: global average pooling, dense layers with ReLU and dropout, logits."""

    later = ("attention",)

    dense: tuple[Positive, ...] = ()
    dropout: Share = 0.0
    """After each dense layer; without any, on the pooled features."""
    l2: NotNegative = 0.0
    """Factor on the sum of squares of the dense kernels, added to the loss."""
    normalize: bool = False
    """Standardise the pooled features by BatchNormalization first."""
    attention: Annotated[Literal["cbam", "se"] | None, BeforeValidator(_none_word)] = None
    """On the map of features before it is pooled: to channels and places (cbam), or channels (se)."""


Score = Literal["macro_f1", "accuracy", "loss"]


class Plateau(Strict):
    """ReduceLROnPlateau on a validation score."""

    factor: Real = Field(0.5, gt=0, lt=1)
    patience: Positive = 3
    monitor: Score | None = None
    """None is the score that the recipe monitors."""


class Recipe(Strict):
    """How a cell is trained, whatever its strategy; the defaults are sound ones for a pretrained trunk."""

    later = ("labels", "ema", "test_views")

    image_size: ImageSize = 96
    """Side of the square images that the net is given, pixels."""
    batch_size: Positive = 64
    weights: Literal["imagenet", "none"] = "imagenet"
    preprocessing: Literal["backbone", "unit_range"] = "backbone"
    """The backbone's own, or [0, 1] as some notebooks do."""
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: Share = 0.9
    """SGD's, with Nesterov's correction."""
    learning_rate: Rate = 1e-3
    weight_decay: NotNegative = 0.0
    """Decoupled; not on biases and BatchNormalization."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Per step within each phase; cosine falls to zero."""
    plateau: Annotated[Plateau | None, BeforeValidator(_none_word)] = None
    early_stopping: Annotated[Positive | None, BeforeValidator(_none_word)] = None
    """Epochs without improvement of the monitored score after which a phase ends."""
    monitor: Score = "macro_f1"
    """Validation score that decides on plateau, early stopping and the best epoch; loss is cross-entropy."""
    keep: Literal["best", "last"] = "best"
    """Epoch whose weights a phase leaves to the next one, and the training to the result."""
    ema: Annotated[Decay | None, BeforeValidator(_none_word)] = None
    """Decay, per step, of a moving average of the weights, which is scored and kept in their place."""
    test_views: Annotated[Literal["flip", "ten"] | None, BeforeValidator(_none_word)] = None
    """Views whose logits are averaged at the end of a training: flip is the image and its mirror image, ten
    both of these, each also shifted by a 48th of its side to either side, up and down."""
    labels: Literal["hard", "votes"] = "hard"
    """Targets in training: one class for an image, or the shares of raters who voted for each."""
    label_smoothing: Share = 0.0
    augmentation: Annotated[Augmentation | None, BeforeValidator(_none_word)] = Augmentation()
    phases: tuple[Phase, ...] = Field((Phase(trainable="all", epochs=10),), min_length=1)
    batch_norm: BatchNorm = BatchNorm()
    head: Head = Head()
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """auto: bfloat16 where the machine computes in it and the backbone gains by it; a plan decides."""

    @model_validator(mode="after")
    def _contradictions(self) -> Recipe:
        if self.weights == "none" and self.batch_norm.mode == "frozen":
            raise ValueError("batch_norm.mode frozen with weights none would freeze random statistics")
        if self.plateau and self.schedule != "constant":
            raise ValueError("plateau lowers a constant learning rate; it can't be had with a schedule")
        return self

    @model_validator(mode="after")
    def _order_of_phases(self) -> Recipe:
        flags = [phase.shared for phase in self.phases]
        if all(flags):
            raise ValueError(
                "phases: all are shared, so all strategies would be the same; add one that is not, "
                "such as {trainable: head, epochs: 10, augmentation: none}"
            )
        if flags != sorted(flags, reverse=True):
            raise ValueError("phases: a shared phase comes before all that are not shared")
        if self.phases[0].reset_head:
            raise ValueError("phases.0.reset_head: the head of the first phase is drawn anew in any case")
        return self

    @property
    def shared_phases(self) -> int:
        """How many of the phases, the first ones, are shared."""
        return sum(phase.shared for phase in self.phases)

    def augmentation_of(self, phase: int) -> Augmentation | None:
        """Augmentation of a phase: its own or the recipe's."""
        own = self.phases[phase].augmentation
        return self.augmentation if own == "recipe" else own

    @property
    def augmented(self) -> bool:
        """Whether any phase is augmented."""
        return any(self.augmentation_of(phase) for phase in range(len(self.phases)))

    def trained_together(self, phase: int) -> range:
        """The phases that one training goes through with this one: the shared ones, or the others."""
        shared = self.shared_phases
        return range(shared) if phase < shared else range(shared, len(self.phases))

    def frozen(self, phase: int) -> bool:
        """Whether images keep their features from the begin of a training to the end of a phase.

        So it is where the trunk is frozen and nothing augmented; a training begins with the first phase or
        behind the shared ones.
        """
        first = self.trained_together(phase).start
        return all(
            self.phases[place].trainable == "head" and self.augmentation_of(place) is None
            for place in range(first, phase + 1)
        )

    def epochs_of(self, phases: range) -> int:
        """Epochs over some of the phases."""
        return sum(self.phases[phase].epochs for phase in phases)

    @property
    def own_phases(self) -> range:
        """The phases in which a strategy acts: those that are not shared."""
        return range(self.shared_phases, len(self.phases))

    @property
    def epochs(self) -> int:
        """Epochs of a training: those of all phases that are not shared."""
        return self.epochs_of(self.own_phases)


class Settings(Strict):
    """What may differ between trials without compiling anything again; each of these may be searched."""

    learning_rate: Rate
    weight_decay: NotNegative
    label_smoothing: Share
    dropout: Share
    l2: NotNegative
    augmentation_strength: NotNegative


def settings(recipe: Recipe) -> Settings:
    """The recipe's own values of everything that a search may change."""
    strength = recipe.augmentation.strength if recipe.augmentation else float(recipe.augmented)
    return Settings(
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        dropout=recipe.head.dropout,
        l2=recipe.head.l2,
        augmentation_strength=strength,
    )
