"""The block of YAML that a model card on the Hugging Face Hub begins with.

Its keys are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from fer_bench.inference.card_facts import CardFacts
from fer_bench.inference.card_scores import PARTS, SCORES, Estimate

TASK = {"type": "image-classification", "name": "Facial expression recognition"}
LIBRARIES = {".keras": "keras", ".onnx": "onnx", ".tflite": "tflite"}
METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "balanced_accuracy": "balanced_accuracy"}


def front_matter(facts: CardFacts) -> str:
    """The block, between its two lines of dashes."""
    text = yaml.safe_dump(metadata(facts), sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def metadata(facts: CardFacts) -> dict[str, Any]:
    """Keys and values of the block. The licence is left to whoever uploads: `other`, as the card says."""
    record = facts.record
    return {
        "language": ["en"],
        "license": "other",
        "license_name": "see-model-card",
        "library_name": LIBRARIES.get(facts.file.suffix, "keras"),
        "pipeline_tag": TASK["type"],
        "tags": [
            "facial-expression-recognition",
            "class-imbalance",
            "fer-bench",
            record.backbone,
            record.strategy,
        ],
        "datasets": [record.board["dataset"]],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": facts.name, "results": _results(facts)}],
    }


def _results(facts: CardFacts) -> list[dict[str, Any]]:
    """A result for each part of the test images, and in it a metric for each score."""
    board = facts.record.board
    found = []
    for part, (images, estimates) in facts.scores.overall.items():
        # The Hub takes results for the same where type, config and split are, whatever their name is.
        config = board["split"] if part == "test" else f"{board['split']}, {PARTS[part]}"
        data = {
            "name": f"{board['dataset']}, split {config} ({images:,} test images)",
            "type": board["dataset"],
            "config": config,
            "split": "test",
        }
        metrics = [_metric(name, estimate) for name, estimate in estimates.items()]
        if part == "test":
            metrics += [
                {"type": "f1", "value": round(each.f1.value, 4), "name": f"F1 of {name}"}
                for name, each in zip(facts.kept.classes, facts.scores.by_class, strict=True)
                if not math.isnan(each.f1.value)
            ]
        found.append({"task": dict(TASK), "dataset": data, "metrics": metrics})
    return found


def _metric(name: str, estimate: Estimate) -> dict[str, Any]:
    shown = {"type": METRICS[name], "value": round(estimate.value, 4), "name": SCORES[name]}
    return shown | ({"args": {"average": "macro"}} if name == "macro_f1" else {})
