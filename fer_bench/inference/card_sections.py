"""What a model card says of a model: what it is and how to use it, its data, its licences, its origin."""

from __future__ import annotations

import math

import numpy as np

from fer_bench.inference.card_facts import CardFacts
from fer_bench.inference.card_text import bullets, cell, table
from fer_bench.study.recipe import Recipe
from fer_bench.study.variants import in_words

RULES = {
    "argmax": "the likeliest class, by the net's logits as they are",
    "temperature": "the likeliest class; its probabilities are calibrated by a temperature of {:.2f}",
    "prior_shift": "logits are calibrated, then each class's log share of the training images is taken off",
    "tau": "logits are calibrated, then {:.2f} times each class's log share of the training images is taken "
    "off",
    "bias": "as by tau = {:.2f}, then each class has an offset",
}
KERAS = """\
import keras
import numpy as np
from PIL import Image

model = keras.saving.load_model("{file}")
classes = {classes}

face = np.asarray(Image.open("face.png").convert("RGB"))
(probabilities,) = model.predict(face[np.newaxis])
print(classes[probabilities.argmax()])
"""
ONNX = """\
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{file}")
classes = {classes}

face = np.asarray(Image.open("face.png").convert("RGB"), "float32")
((probabilities,),) = session.run(None, {{session.get_inputs()[0].name: face[np.newaxis]}})
print(classes[probabilities.argmax()])
"""
LITERT = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

net = Interpreter("{file}")
pictures, output = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]
classes = {classes}

face = np.asarray(Image.open("face.png").convert("RGB"), "float32")
net.resize_tensor_input(pictures, (1, *face.shape))
net.allocate_tensors()
net.set_tensor(pictures, face[np.newaxis])
net.invoke()
print(classes[net.get_tensor(output)[0].argmax()])
"""
AS_ONNX = " The same model as ONNX: `fer-bench export` with an `--out` that ends in .onnx."
SNIPPETS = {".keras": KERAS, ".onnx": ONNX, ".tflite": LITERT}


def what_it_is(facts: CardFacts) -> str:
    """Backbone, strategy, decision rule, classes, recipe and parameters."""
    record, kept = facts.record, facts.kept
    weights = facts.tags.get("weights") or kept.recipe.weights
    parameters = record.metrics.get("parameters", math.nan)
    return bullets(
        [
            f"**Backbone** `{record.backbone}`: {facts.backbone_line}. Pretrained weights: {weights}.",
            f"**Strategy** against class imbalance `{record.strategy}`: {facts.strategy_line}.",
            f"**Decision**: {_decision(facts)}.",
            f"**Classes** ({len(kept.classes)}): {', '.join(map(cell, kept.classes))}.",
            f"**Recipe**: {_recipe(kept.recipe)}.",
            _parameters(facts),
            f"**Size**: {parameters:,.0f} parameters; it computes on {kept.recipe.image_size} x "
            f"{kept.recipe.image_size} pixels, in {'8 bits' if facts.exported.quantized else 'float32'}.",
        ]
    )


def _decision(facts: CardFacts) -> str:
    decision = facts.exported.decision
    if decision.rule in RULES:
        return f"{RULES[decision.rule].format(decision.parameter)}; fitted to validation images"
    if np.all(decision.scale == 1) and np.all(decision.offset == 0):
        return "the likeliest class"
    return "the likeliest class, after the strategy has scaled and shifted each class's logit"


def _recipe(recipe: Recipe) -> str:
    phases = ", then ".join(
        f"{phase.epochs} epochs of {'the whole net' if phase.label == 'all' else f'the {phase.label}'}"
        f"{' (the same for all strategies)' if phase.shared else ''}"
        for phase in recipe.phases
    )
    kept = f"the best epoch by validation {recipe.monitor}" if recipe.keep == "best" else "the last epoch"
    augmented = "augmented" if recipe.augmented else "not augmented"
    averaged = f", weights averaged over steps (decay {recipe.ema:g})" if recipe.ema else ""
    return (
        f"{phases}; {recipe.optimizer}, batches of {recipe.batch_size}, images {augmented}{averaged}; {kept} "
        f"was kept{_views(recipe)}"
    )


def _views(recipe: Recipe) -> str:
    if recipe.test_views is None:
        return ""
    views = "the image and its mirror image" if recipe.test_views == "flip" else "ten views of each image"
    return f"; what it says is the mean over {views}, which the model makes itself"


def _parameters(facts: CardFacts) -> str:
    if not facts.searched:
        return ""
    trials = facts.record.selected_from
    chosen = "as by default, none was searched"
    if trials:
        chosen = "of one trial" if trials == 1 else f"the best of {trials} trials by validation"
    values = ", ".join(f"{name} {value:.3g}" for name, value in sorted(facts.searched.items()))
    return f"**Parameters**, {chosen}: {values}."


def use(facts: CardFacts) -> str:
    """What goes in and comes out, and a few lines that do it."""
    height, width, channels = facts.kept.image_shape
    suffix = facts.file.suffix
    code = SNIPPETS[suffix].format(file=facts.file.name, classes=list(facts.kept.classes))
    parts = [
        bullets(
            [
                "**In**: pictures of one face each, (N, height, width, 1 or 3), grey or RGB, 0 to 255, of "
                "any size. Resizing and scaling are inside the model.",
                f"**Out**: a probability for each class, (N, {len(facts.kept.classes)}).",
                f"It was trained on {width} x {height} {'grey' if channels == 1 else 'RGB'} images of "
                "cropped faces, and does not look for faces.",
            ]
        ),
        f"```python\n{code}```",
        f"With fer-bench, which finds the face first: `fer-bench predict --model {facts.file.name} "
        f"portrait.jpg`.{'' if suffix == '.onnx' else AS_ONNX}",
    ]
    return "\n\n".join(parts)


def data(facts: CardFacts) -> str:
    """Data set, split, what was done to the training images, and how many there are of each class."""
    board, (train, val, test) = facts.record.board, facts.counts
    changed = in_words(board)
    sentence = (
        f"`{board['dataset']}`: {facts.title}; split `{board['split']}`"
        f"{f'; training images were changed on purpose: {changed}' if changed else ''}. Validation chose "
        "epochs and parameters; the test images were scored once."
    )
    named = zip(
        [*facts.kept.classes, "all"], *([*each, each.sum()] for each in (train, val, test)), strict=True
    )
    rows = [[name, *(f"{count:,}" for count in counts)] for name, *counts in named]
    notes = bullets(cell(note) for note in facts.tags.get("notes", "").split("; ") if note)
    return "\n\n".join(filter(None, [sentence, table(["Images", "train", "val", "test"], rows), notes]))


def licences(facts: CardFacts) -> str:
    """What is known of the licences of code, data and weights; none is asserted for the model."""
    weights = "none"
    if licence := facts.weights_licence:
        weights = f"{licence}; they were trained on ImageNet, whose images are for non-commercial research"
    known = [
        "Code (fer-bench): MIT.",
        f"Data (`{facts.record.board['dataset']}`): {facts.data_licence}.",
        f"Pretrained weights (`{facts.record.backbone}`): {weights}.",
    ]
    return (
        f"{bullets(known)}\n\nWhat follows from the data's licence for a model that was trained on them is "
        "not settled: this card asserts no licence for the model."
    )


def intended_use() -> str:
    """What it is for, and what it must not be used for."""
    return bullets(
        [
            "**For** research on class imbalance and on facial expressions, for teaching, and for seeing "
            "what such models can't do.",
            "**An expression is not a feeling**: a smile may be polite. The labels are other people's "
            "guesses from a picture; a good score says only that the model guesses as they did.",
            "**Not** for judging people: in hiring, exams, policing, at borders, in insurance or medicine.",
            "**European Union**, AI Act (Regulation 2024/1689): to infer emotions at work or in schools is "
            "prohibited but for medical or safety reasons (Art. 5(1)(f)); elsewhere, people who are exposed "
            "to it must be told (Art. 50(3)).",
            "Faces unlike those of its data, by age, skin, culture, pose, light or camera, may be read "
            "worse; the numbers above don't say by how much.",
        ]
    )


def origin(facts: CardFacts) -> str:
    """Where it comes from: commit, study, keys, seed, versions, device, day."""
    record, tags, board = facts.record, facts.tags, facts.record.board
    rows = {
        "Trained by fer-bench, commit": record.commit,
        "Exported by commit": facts.commit,
        "Study, recipe, budget": ", ".join(
            filter(None, (board["study"], board.get("recipe_name"), board.get("budget")))
        ),
        "Key of the cell": record.cell,
        "Run in MLflow": record.run_id,
        "Repeat": f"{facts.kept.place}; seed {record.seed}",
        "Fingerprint of the data": board["data_fingerprint"],
        "Pretrained weights": " ".join(filter(None, (tags.get("weights"), tags.get("weights_hash")))),
        "Versions": ", ".join(f"{name} {version}" for name, version in facts.versions.items()),
        "Device": tags.get("device", ""),
        "Day of training": facts.trained,
    }
    return table(["What", "Which"], [row for row in rows.items() if row[1]], of_words=True)
