"""What a strategy trains for, and what is wrong with it, said before anything trains."""

import dataclasses

import numpy as np
import pytest

from fer_bench.strategies.base import STRATEGIES, LossTerms, Mixing, Strategy
from fer_bench.study.prior import assess, effective_prior, is_no_op, tilts_beyond_flat
from fer_bench.study.recipe import Recipe, settings
from fer_bench.testing.strategies import BALANCED, IMBALANCED, labels_of


@dataclasses.dataclass(frozen=True)
class Twice(Strategy):
    """Class weights on top of oversampling."""

    def resample(self, labels, seed, progress):
        return STRATEGIES["oversampling"]().resample(labels, seed, progress)

    def loss_terms(self, class_counts, progress):
        return STRATEGIES["class_weights"]().loss_terms(class_counts, progress)


@dataclasses.dataclass(frozen=True)
class Weighted(STRATEGIES["smote"]):
    """Class weights on top of made features."""

    def loss_terms(self, class_counts, progress):
        return STRATEGIES["class_weights"]().loss_terms(class_counts, progress)


@dataclasses.dataclass(frozen=True)
class Shifted(Strategy):
    """Logit adjustment in the loss: + tau log pi while training, nothing at prediction."""

    tau: float = 1.0

    def loss_terms(self, class_counts, progress):
        return LossTerms(shift=self.tau * np.log(class_counts / class_counts.sum()))


@dataclasses.dataclass(frozen=True)
class Posthoc(Strategy):
    """Logit adjustment after training: - tau log pi."""

    tau: float = 1.0

    def adjust_logits(self, logits, class_counts):
        return logits - (self.tau * np.log(class_counts / class_counts.sum())).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class With(Strategy):
    """Any loss terms."""

    terms: LossTerms

    def loss_terms(self, class_counts, progress):
        return self.terms


@dataclasses.dataclass(frozen=True)
class Deferred(Strategy):
    """Class weights in the second half of training only."""

    def loss_terms(self, class_counts, progress):
        return (
            STRATEGIES["class_weights"]().loss_terms(class_counts, progress)
            if progress > 0.7
            else LossTerms()
        )


@dataclasses.dataclass(frozen=True)
class Heads(Strategy):
    """Changes the head after training, by nothing or something."""

    factor: float = 1.0

    def adjust_head(self, kernel, bias, class_counts, class_means):
        return kernel * self.factor, bias


@dataclasses.dataclass(frozen=True)
class Fits(Strategy):
    """Fits a decision."""

    def fit_decision(self, logits, labels, class_counts):
        return np.zeros(logits.shape[1])


@dataclasses.dataclass(frozen=True)
class Mixes(Strategy):
    """Mixes images."""

    def mixing(self, class_counts, progress):
        return Mixing(alpha=1.0) if progress > 0.4 else None


class Cosine(Strategy):
    """Another head and nothing else."""

    head = "cosine"


NATURAL = IMBALANCED / IMBALANCED.sum()


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (STRATEGIES["none"](), NATURAL),
        (STRATEGIES["focal_loss"](), NATURAL),
        (STRATEGIES["class_weights"](), np.full(7, 1 / 7)),
        (STRATEGIES["class_weights"](0.5), NATURAL**0.5 / (NATURAL**0.5).sum()),
        (STRATEGIES["oversampling"](), np.full(7, 1 / 7)),
        (STRATEGIES["smote"](), np.full(7, 1 / 7)),
        (STRATEGIES["smote"](0.5), np.array([40, 36, 41, 72, 50, 48, 36]) / 323),
        (STRATEGIES["targeted_augmentation"](), NATURAL),
        (Weighted(), (1 / NATURAL) / (1 / NATURAL).sum()),
        (Shifted(), np.full(7, 1 / 7)),
        (Posthoc(), np.full(7, 1 / 7)),
        (Twice(), (1 / NATURAL) / (1 / NATURAL).sum()),
        (Deferred(), np.full(7, 1 / 7)),
        (STRATEGIES["progressive_sampling"](), np.full(7, 1 / 7)),
        (STRATEGIES["deferred_sampling"](), np.full(7, 1 / 7)),
        (STRATEGIES["balanced_softmax"](), np.full(7, 1 / 7)),
        (STRATEGIES["balanced_experts"](), np.full(7, 1 / 7)),
        (STRATEGIES["logit_adjustment"](0.5), NATURAL**0.5 / (NATURAL**0.5).sum()),
        (STRATEGIES["vs_loss"](gamma=0.4, tau=0.5), NATURAL**0.5 / (NATURAL**0.5).sum()),
        (STRATEGIES["undersampling"](), np.full(7, 1 / 7)),
        (STRATEGIES["mixup"](), NATURAL),
        (STRATEGIES["ldam"](), NATURAL),
        (STRATEGIES["generalised_cross_entropy"](), NATURAL),
        (STRATEGIES["influence_balanced"](), np.full(7, 1 / 7)),
        (STRATEGIES["posthoc_adjustment"](), NATURAL),
        (STRATEGIES["tau_norm"](), NATURAL),
        (With(LossTerms(suppression=np.eye(7)[1] * 0.9)), np.array([40, 40, 41, 72, 50, 48, 32]) / 323),
        (With(LossTerms(smoothing=np.eye(7)[3] * 0.5)), np.array([40, 4, 41, 36, 50, 48, 32]) / 251),
        (With(LossTerms(smoothing=0.3, gamma=2.0, box_cox=0.5, margins=0.4, scale=9.0)), NATURAL),
        (With(LossTerms(shift=np.outer([0, 3, 0], np.log(NATURAL)))), np.full(7, 1 / 7)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_effective_prior(strategy, expected):
    np.testing.assert_allclose(effective_prior(strategy, labels_of(IMBALANCED), 7), expected, rtol=1e-5)


@pytest.mark.parametrize("strategy", [Twice(), Weighted(), Shifted(2.0), Posthoc(1.5)], ids=repr)
def test_a_double_correction_is_beyond_flat(strategy):
    assert tilts_beyond_flat(effective_prior(strategy, labels_of(IMBALANCED), 7), IMBALANCED)


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        (STRATEGIES["none"](), IMBALANCED),
        (STRATEGIES["class_weights"](), BALANCED),
        (STRATEGIES["class_weights"](0.0), IMBALANCED),
        (STRATEGIES["oversampling"](), BALANCED),
        (STRATEGIES["oversampling"](0.1), np.array([20, 10, 2])),
        (STRATEGIES["smote"](), BALANCED),
        (STRATEGIES["smote"](0.1), np.array([20, 10, 2])),
        (STRATEGIES["targeted_augmentation"](), BALANCED),
        (STRATEGIES["targeted_augmentation"](0.0), IMBALANCED),
        (Shifted(), BALANCED),
        (Posthoc(0.0), IMBALANCED),
        (With(LossTerms(weights=3.0)), IMBALANCED),
        (With(LossTerms(shift=5.0)), IMBALANCED),
        (With(LossTerms(shift=np.full((3, 7), 5.0), suppression=np.zeros(7))), IMBALANCED),
        (Heads(), IMBALANCED),
        (STRATEGIES["tau_norm"](0.0), IMBALANCED),
        (STRATEGIES["power_sampling"](1.0), IMBALANCED),
        (STRATEGIES["undersampling"](), BALANCED),
        (STRATEGIES["deferred_sampling"](), BALANCED),
        (STRATEGIES["logit_adjustment"](), BALANCED),
        (STRATEGIES["effective_number"](), BALANCED),
        (STRATEGIES["equalization_loss"](), BALANCED),
        (STRATEGIES["vs_loss"](), BALANCED),
        (STRATEGIES["adasyn"](), BALANCED),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_changes_nothing_is_a_no_op(strategy, counts):
    assert is_no_op(strategy, labels_of(counts), len(counts))


@pytest.mark.parametrize(
    "strategy",
    [
        *[STRATEGIES[name]() for name in STRATEGIES if name != "none"],
        Shifted(),
        Posthoc(),
        Deferred(),
        With(LossTerms(margins=0.5)),
        With(LossTerms(scale=2.0)),
        With(LossTerms(smoothing=0.1)),
        With(LossTerms(gamma=0.5)),
        With(LossTerms(box_cox=0.5)),
        With(LossTerms(influence=1.0)),
        With(LossTerms(suppression=np.eye(7)[1] / 2)),
        With(LossTerms(scale=np.linspace(1, 2, 7))),
        Heads(2.0),
        Fits(),
        Mixes(),
        Cosine(),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_changes_something_is_no_no_op(strategy):
    assert not is_no_op(strategy, labels_of(IMBALANCED), 7)


def test_a_strength_where_nothing_is_augmented_is_a_no_op():
    strategy, labels = STRATEGIES["targeted_augmentation"](), labels_of(IMBALANCED)
    assert not is_no_op(strategy, labels, 7, augmented=True)
    assert is_no_op(strategy, labels, 7, augmented=False)
    assert not is_no_op(STRATEGIES["smote"](), labels, 7, augmented=False)


LABELS, CLASSES = np.repeat([0, 1], [90, 10]), ("happy", "sad")


def judged(strategy, strength=1.0, **recipe):
    """Prior of the rarer class, and warnings."""
    made = Recipe(**recipe)
    used = settings(made).model_copy(update={"augmentation_strength": strength})
    prior, warnings = assess(strategy, LABELS, CLASSES, made, used)
    return prior["sad"], warnings


def test_a_strength_is_a_no_op_where_the_recipe_has_nothing_to_strengthen():
    targeted, no_op = STRATEGIES["targeted_augmentation"](), ("no-op: changes nothing on this data",)
    assert judged(targeted, augmentation={"rotation": 10}) == (0.1, ())
    assert judged(targeted, augmentation={"flip": True}) == (0.1, no_op)
    assert judged(targeted, strength=0.0, augmentation={"rotation": 10}) == (0.1, no_op)
    assert judged(targeted, strength=0.0, augmentation=None) == (0.1, no_op)


def test_a_strength_is_a_no_op_where_only_shared_phases_are_augmented():
    targeted, shared = (
        STRATEGIES["targeted_augmentation"](),
        {"trainable": "all", "epochs": 3, "shared": True},
    )
    plain, own = ({"trainable": "head", "epochs": 2, "augmentation": a} for a in ("none", {"rotation": 5}))
    no_op = ("no-op: changes nothing on this data",)
    assert judged(targeted, augmentation={"rotation": 10}, phases=[shared, plain]) == (0.1, no_op)
    assert judged(targeted, augmentation=None, phases=[shared, own]) == (0.1, ())


def test_what_begins_behind_the_last_epoch_is_told():
    late = STRATEGIES["deferred_weights"]()
    four, five = ([{"trainable": "all", "epochs": epochs}] for epochs in (4, 5))
    prior, (warning,) = judged(late, phases=four)
    assert warning == "begins at 0.8 of the training: none of 4 epochs begins later"
    assert judged(late, phases=five) == (prior, ())
    assert prior == 0.5


def test_made_features_count_in_the_prior_and_phases_without_them_are_told():
    smote, head = STRATEGIES["smote"](), {"trainable": "head", "epochs": 3}
    assert judged(smote, augmentation=None, phases=[head]) == (0.5, ())
    assert judged(smote, augmentation=None, phases=[head, {"trainable": "all", "epochs": 2}]) == (
        0.5, ("acts in the first 3 of 5 epochs: the trunk is frozen in these only",),
    )  # fmt: skip
    shared = {"trainable": "head", "epochs": 4, "shared": True}
    assert judged(smote, augmentation=None, phases=[shared, head, {"trainable": "all", "epochs": 2}]) == (
        0.5, ("acts in the first 3 of 5 epochs: the trunk is frozen in these only",),
    )  # fmt: skip


def test_a_drawn_strategy_is_assessed_as_it_is_used():
    labels = np.repeat([0, 1], [90, 10])
    plain = Recipe(), settings(Recipe())
    for power, prior, warnings in (
        (0.0, 0.1, ("no-op: changes nothing on this data",)),
        (0.5, 0.25, ()),
        (1.0, 0.5, ()),
    ):
        found = assess(STRATEGIES["class_weights"](power=power), labels, ("happy", "sad"), *plain)
        assert found == ({"happy": 1 - prior, "sad": prior}, warnings)
    assert assess(STRATEGIES["none"](), labels, ("happy", "sad"), *plain) == ({"happy": 0.9, "sad": 0.1}, ())

    class Double(STRATEGIES["class_weights"]):
        def resample(self, labels, seed, progress):
            return np.repeat(np.arange(len(labels)), np.where(labels == 1, 9, 1))

    (_, (warning,)) = assess(Double(), labels, ("happy", "sad"), *plain)
    assert warning.startswith("effective prior beyond flat")
