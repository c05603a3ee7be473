"""What a model card says of scores: on test, by class, calibration, whom it fails, leaks."""

from __future__ import annotations

import math

import numpy as np

from fer_bench.inference.card_facts import CardFacts
from fer_bench.inference.card_scores import PARTS, SCORES
from fer_bench.inference.card_text import bullets, cell, estimate, listed, percent, table

RAREST, CONFUSIONS = 2, 5


def in_a_sentence(facts: CardFacts) -> str:
    """What it is and how good."""
    images, found = facts.scores.overall["test"]
    name = facts.title.partition(",")[0]
    return (
        f"It says which of {len(facts.kept.classes)} expressions a face shows: {listed(facts.kept.classes)}. "
        f"Of {images:,} test images ({name}) it gets {percent(found['accuracy'].value)} % right; macro-F1, "
        f"the mean of the classes' F1, is **{percent(found['macro_f1'].value)} %**."
    )


def scores(facts: CardFacts) -> str:
    """Scores with intervals, of all test images and without copies; the cell's means; scores by class."""
    overall = facts.scores.overall
    columns = [f"{PARTS[part]} ({images:,})" for part, (images, _) in overall.items()]
    rows = [
        [word, *(estimate(found[name]) for _, found in overall.values())] for name, word in SCORES.items()
    ]
    *_, test = facts.counts
    by_class = [
        [name, f"{images:,}", estimate(each.f1), estimate(each.precision), estimate(each.recall)]
        for name, images, each in zip(facts.kept.classes, test, facts.scores.by_class, strict=True)
    ]
    parts = [
        "In percent; [low, high] is the 95 % interval for other test images. All of it is of this one "
        "training: another seed gives another model.",
        table(["Test images", *columns], rows),
        _means(facts),
        table(["Class", "Images", "F1", "Precision", "Recall"], by_class),
    ]
    return "\n\n".join(filter(None, [*parts, _in_8_bits(facts)]))


def _in_8_bits(facts: CardFacts) -> str:
    """What a file in 8 bits says otherwise than the tables."""
    found = facts.exported.quantized
    if found is None:
        return ""
    return (
        "**This file computes in 8 bits, the tables are of 32**: its macro-F1 is "
        f"{percent(found.macro_f1)} % of all test images, and of {percent(found.disagreeing)} % of them it "
        "says another class."
    )


def _means(facts: CardFacts) -> str:
    """The mean over the cell's repeats."""
    if not facts.means:
        return "It was trained with one seed only, so nothing is known of others."
    own = "" if facts.exported.decision.rule == "decided" else ", by the strategy's own decision"
    found = ", ".join(f"{SCORES[name]} {estimate(each)}" for name, each in facts.means.items())
    with_seeds = any(not math.isnan(each.low) for each in facts.means.values())
    noise = "; these intervals are for other seeds as well, known from these alone" if with_seeds else ""
    return f"Mean of the {facts.repeats} seeds that it was trained with{own}: {found}{noise}."


def calibration(facts: CardFacts) -> str:
    """Whether probabilities are true, over all and by the class that is predicted."""
    named = zip(facts.kept.classes, facts.scores.by_class, strict=True)
    known = [(each.calibration_error, name) for name, each in named if not math.isnan(each.calibration_error)]
    errors = ", ".join(f"{cell(name)} {percent(error)}" for error, name in sorted(known, reverse=True))
    return (
        "How far the probability of the predicted class is from the share that is right, after the decision "
        f"rule (expected calibration error): **{percent(facts.scores.calibration_error())} points**. By "
        f"predicted class: {errors}. Of few images it looks larger than it is."
    )


def whom_it_fails(facts: CardFacts) -> str:
    """The rarest classes, the most frequent confusions, and groups of people where they are known."""
    kept, by_class = facts.kept, facts.scores.by_class
    used = [k for k in np.argsort(kept.class_counts, kind="stable") if kept.class_counts[k]]
    rarest = [
        f"Rare in training: **{cell(kept.classes[k])}**, {kept.class_counts[k]:,} of "
        f"{kept.class_counts.sum():,} images. Recall {estimate(by_class[k].recall)}, F1 "
        f"{estimate(by_class[k].f1)}."
        for k in used[:RAREST]
    ]
    confused = [
        f"**{cell(kept.classes[each.label])}** is taken for {cell(kept.classes[each.taken_for])} in "
        f"{percent(each.share)} % of its test images ({each.images:,})."
        for each in facts.scores.confusions(CONFUSIONS)
    ]
    return f"{bullets([*rarest, *confused])}\n\n{_subgroups(facts)}"


def _subgroups(facts: CardFacts) -> str:
    found = facts.scores.subgroups()
    if not found:
        return (
            "Age, gender, skin and the like are not known of these images: whether it fails some people more "
            "than others was not measured."
        )
    rows = [
        [
            f"{each.attribute}: {each.value}",
            f"{each.images:,}",
            estimate(each.accuracy),
            estimate(each.macro_f1),
        ]
        for each in found
    ]
    return "By group; too few images have no score.\n\n" + table(
        ["Group", "Images", "Accuracy", "Macro-F1"], rows
    )


def leaks(facts: CardFacts) -> str:
    """Copies of test images among what it was trained on, and what else makes the scores doubtful."""
    images, tags = facts.scores.images, facts.tags
    copies = int(np.count_nonzero(~images.dedup))
    near = "Near-copies were not looked for."
    if images.near_dedup is not None:
        near = f"{np.count_nonzero(~images.near_dedup):,} have a near-copy there, identical ones among them."
    val_twins, ceiling = int(tags.get("val_twins") or 0), float(tags.get("honest_ceiling") or "inf")
    accuracy = facts.scores.overall["test"][1]["accuracy"].value
    doubts = {
        f"{val_twins:,} validation images are also in train: selection trusts them too much.": val_twins > 0,
        "**Selection saw the test images**: the scores are too good.": tags.get("selects_on_test") == "true",
        f"**Its accuracy is above {percent(ceiling)} %**, too good on these data: look for a leak.": accuracy
        > ceiling,
    }
    warned = [
        phrase for name in ("warnings", "alarms") for phrase in tags.get(name, "").split("; ") if phrase
    ]
    return bullets(
        [
            f"{copies:,} of {len(images.dedup):,} test images are also in train or val (identical pixels).",
            near,
            *(doubt for doubt, holds in doubts.items() if holds),
            *map(cell, warned),
        ]
    )
