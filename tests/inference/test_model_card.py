"""The model card: its numbers are those of the logits, its metadata Hugging Face's, nothing is blank."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from exported_models import exported, facts
from leaderboard_records import CLASSES, repeat, with_near_duplicates
from sklearn import metrics as sk

from fer_bench.inference.card_facts import gather
from fer_bench.inference.card_metadata import metadata
from fer_bench.inference.export import Decision
from fer_bench.inference.model_card import card_file, model_card
from fer_bench.study.recipe import Recipe


@pytest.fixture(scope="module")
def card() -> str:
    return model_card(facts())


def rows(card: str, head: str) -> dict[str, list[str]]:
    """Rows of the table whose first column is named so, by their first cell."""
    table = card.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[each.strip() for each in row.strip("|").split("|")] for row in table]
    return {first: others for first, *others in cells}


def test_scores_are_those_of_the_logits_each_within_its_interval(card):
    outputs = facts().record.outputs()
    labels, predicted, apart = outputs.images.labels, outputs.logits.argmax(axis=1), outputs.images.dedup
    expected = sk.precision_recall_fscore_support(labels, predicted, labels=range(7), zero_division=0)
    for k, (_, cells) in enumerate(rows(card, "Class").items()):
        images, *shown = cells
        assert int(images) == expected[3][k]
        for found, score in zip(shown, (expected[2][k], expected[0][k], expected[1][k]), strict=True):
            value, low, high = map(float, re.fullmatch(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", found).groups())
            assert value == pytest.approx(100 * score, abs=0.051)
            assert 0 <= low < value < high <= 100
    overall = rows(card, "Test images")
    assert overall["Macro-F1"][0].startswith(f"{100 * expected[2].mean():.1f} [")
    assert overall["Balanced accuracy"][0].startswith(f"{100 * expected[1].mean():.1f} [")
    assert overall["Accuracy"][1].startswith(f"{100 * (labels == predicted)[apart].mean():.1f} [")
    assert "without copies (450)" in card
    assert "50 of 500 test images are also in train or val" in card


def test_intervals_of_shares_are_those_of_a_share(card):
    outputs = facts().record.outputs()
    labels, predicted = outputs.images.labels, outputs.logits.argmax(axis=1)
    mine = labels == CLASSES.index("happy")
    share = (predicted[mine] == labels[mine]).mean()
    half = 1.96 * np.sqrt(share * (1 - share) / mine.sum())
    low, high = map(float, re.search(r"\[([\d.]+), ([\d.]+)\]", rows(card, "Class")["happy"][3]).groups())
    assert [low, high] == pytest.approx([100 * (share - half), 100 * (share + half)], abs=0.3)


def test_mean_of_the_seeds_is_told_apart_from_this_one(card):
    assert re.search(
        r"Mean of the 3 seeds that it was trained with: Accuracy [\d.]+ \[[\d.]+, [\d.]+\], Macro-F1", card
    )
    one = facts(cell="compact_cnn-class_weights")
    assert "It was trained with one seed only" in model_card(one)


def test_rare_classes_confusions_and_groups_are_named(card):
    failing = card.partition("## Whom it fails")[2].partition("## ")[0]
    assert "Rare in training: **disgust**, 64 of 4,000 images." in failing
    outputs = facts().record.outputs()
    confusion = sk.confusion_matrix(outputs.images.labels, outputs.logits.argmax(axis=1)).astype(float)
    np.fill_diagonal(confusion, 0)
    worst = confusion / np.bincount(outputs.images.labels)[:, None]
    label, other = np.unravel_index(worst.argmax(), worst.shape)
    said = f"- **{CLASSES[label]}** is taken for {CLASSES[other]} in {100 * worst.max():.1f} % of its test"
    assert said in failing
    groups = rows(card, "Group")
    assert list(groups)[:2] == ["gender: female", "gender: male"]
    assert float(groups["gender: male"][1].split()[0]) < float(groups["gender: female"][1].split()[0])
    assert groups["age: 0-9"][1] == "–", "too few to say"


def test_what_it_must_not_be_used_for_and_whose_the_data_are_stands_in_it(card):
    for said in ("An expression is not a feeling", "Art. 5(1)(f)", "Art. 50(3)", "commit", "abc1234"):
        assert said in card
    assert "Data (`fer2013`): unclear: photographs from the web" in card
    assert "Pretrained weights (`mobilenet_v2`): none." in card
    with_weights = model_card(facts(recipe=Recipe()))
    assert "Pretrained weights (`mobilenet_v2`): Apache-2.0; they were trained on ImageNet" in with_weights


def test_averaged_weights_and_test_views_belong_to_the_recipe(card):
    assert "decay" not in card and "test views" not in card
    changed = model_card(facts(recipe=Recipe(weights="none", ema=0.999, test_views="flip")))
    assert (
        "was kept, averaged over steps with a decay of 0.999; logits are means over the test views" in changed
    )


def test_a_fitted_rule_changes_scores_and_is_named():
    offset = np.zeros(7)
    offset[1] = 100.0  # all are taken for disgust
    shifted = facts(decision=Decision("tau", 0.25, np.ones(7), offset))
    card = model_card(shifted)
    assert "then 0.25 times each class's log share" in card
    assert "by the strategy's own decision: Accuracy" in card
    found = rows(card, "Class")
    assert re.fullmatch(r"0.0 \[0.0, [1-9][.]\d\]", found["happy"][1]), "others might be right"
    assert found["happy"][2] == "–", "nothing was taken for it"
    assert found["disgust"][3].startswith("100.0 [")


def test_near_copies_a_leak_and_warnings_are_told():
    record = with_near_duplicates(repeat())
    images = record.predictions().images
    tags = {"warnings": "a first; a second", "alarms": "", "selects_on_test": "true", "honest_ceiling": "0.1"}
    record = replace(record, tags=tags, outputs=lambda: replace(repeat().outputs(), images=images))
    leaks = model_card(gather(exported(record), Path("m.keras"), [record])).partition("## Leaks")[2]
    for said in (
        "100 have a near-copy there",
        "- a first\n- a second",
        "Selection saw the test",
        "above 10.0 %",
    ):
        assert said in leaks


@pytest.mark.parametrize("cell", ["compact_cnn-focal_loss", "compact_cnn-class_weights", "mobilenet_v2-none"])
def test_nothing_is_blank_or_no_number_whatever_was_learnt(cell):
    card = model_card(facts(cell=cell))
    assert not re.search(r"\bnan\b|\bNone\b|\|  \||\binf\b", card)
    assert len(card.split()) < 1500


def test_metadata_are_such_as_the_hub_takes():
    found = metadata(facts())
    assert yaml.safe_load(model_card(facts()).split("---\n")[1]) == found
    assert found["pipeline_tag"] == "image-classification"
    assert (found["license"], found["library_name"]) == ("other", "keras")
    for result in found["model-index"][0]["results"]:
        assert result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
        assert all(0 <= metric["value"] <= 1 and metric["type"] for metric in result["metrics"])
    assert metadata(facts("model.onnx"))["library_name"] == "onnx"


def test_hugging_faces_own_reader_finds_the_same(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    path = tmp_path / "README.md"
    path.write_text(model_card(facts()), encoding="utf-8")
    read = hub.ModelCard.load(path)
    assert read.data.to_dict() == metadata(facts())
    assert [each.metric_value for each in read.data.eval_results][:1] == [
        metadata(facts())["model-index"][0]["results"][0]["metrics"][0]["value"]
    ]


@pytest.mark.parametrize(("file", "line"), [
    ("model.keras", 'keras.saving.load_model("model.keras")'),
    ("model.onnx", 'onnxruntime.InferenceSession("model.onnx")'),
])  # fmt: skip
def test_a_few_lines_of_use_go_by_the_kind_of_file(file, line):
    card = model_card(facts(file))
    code = card.partition("```python\n")[2].partition("```")[0]
    assert line in code
    compile(code, file, "exec")
    assert f"fer-bench predict --model {file}" in card


def test_each_file_of_a_folder_has_a_card_of_its_own():
    names = {card_file(Path("models", name)) for name in ("a.keras", "a.onnx", "b.keras")}
    assert names == {Path("models", f"{name}.md") for name in ("a.keras", "a.onnx", "b.keras")}
