"""Tables and pictures in the documents agree with the code."""

import re
from typing import Literal, get_args, get_origin

import pytest
import yaml
from documents import DOCUMENTS, GENERATORS, PART, ROOT, refreshed
from package_diagram import diagram, imports, layers, reachable

from fer_bench.data.splits import SPLITS
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import StudySpec

STUDIES = DOCUMENTS["experiments/README.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_parts_are_as_generated(name, monkeypatch):
    monkeypatch.chdir(ROOT)  # where studies are looked for first
    assert DOCUMENTS[name] == refreshed(DOCUMENTS[name]), "run: python tests/support/documents.py"


def test_all_that_can_be_generated_is_in_one_place():
    names = [part["name"] for text in DOCUMENTS.values() for part in PART.finditer(text)]
    assert sorted(names) == sorted(GENERATORS)
    assert sum(text.count("<!-- generated: end -->") for text in DOCUMENTS.values()) == len(names)


def test_picture_of_the_packages_has_every_layer_and_implies_every_import():
    boxes = [re.findall(r"^    (\w+)$", box, re.MULTILINE) for box in diagram().split("subgraph")[1:]]
    assert boxes == [list(layer) for layer in layers()]
    drawn: dict[str, set[str]] = {}
    for importer, imported in re.findall(r"(\w+) --> (\w+)", diagram()):
        drawn.setdefault(importer, set()).add(imported)

    def follow(name: str) -> set[str]:
        return {each for direct in drawn.get(name, ()) for each in (direct, *follow(direct))}

    for name in imports():
        assert follow(name) == reachable(name)


@pytest.mark.parametrize("model", [StudySpec, Recipe])
def test_keys_of_studies_are_named_with_their_defaults(model):
    table = STUDIES.split(f"<!-- keys: {model.__name__} -->", 1)[1].strip().split("\n\n", 1)[0]
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines()[2:]]
    stated = {key: default for keys, default, _ in rows for key in re.findall(r"`(\w+)`", keys)}
    assert stated.keys() == model.model_fields.keys()
    for key, field in model.model_fields.items():
        assert (stated[key] == "required") == field.is_required(), key
        if value := re.fullmatch(r"`([^`]+)`", stated[key]):
            default = field.get_default(call_default_factory=True)
            expected = None if value[1] == "none" else yaml.safe_load(value[1])
            assert default == expected, key


def test_choices_named_for_a_key_are_those_it_takes():
    for key, field in Recipe.model_fields.items():
        if get_origin(field.annotation) is Literal:
            row = next(line for line in STUDIES.splitlines() if line.startswith(f"| `{key}` |"))
            assert set(get_args(field.annotation)) <= set(re.findall(r"`(\w+)`", row)), key


def test_table_of_splits_is_complete():
    table = STUDIES.split("## Splits\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(SPLITS)
