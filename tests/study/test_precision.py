"""What `precision: auto` becomes on which machine."""

import pytest

from fer_bench.environment import Bfloat16
from fer_bench.study.precision import decide
from fer_bench.study.recipe import Recipe
from fer_bench.study.spec import StudySpec

CPU, GPU = Bfloat16("cpu", "CPU has avx512_bf16"), Bfloat16("gpu", "GPU has bfloat16")
NEITHER = Bfloat16(None, "CPU has no bfloat16")


def spec(precision: str) -> StudySpec:
    return StudySpec(
        backbones=("mobilenet_v2", "vgg16"), strategies=("none",), recipe=Recipe(precision=precision)
    )


@pytest.mark.parametrize(
    ("found", "chosen", "said"),
    [
        (CPU, ["float32", "bfloat16"], "bfloat16 for vgg16 (CPU has avx512_bf16), float32 for mobilenet_v2"),
        (GPU, ["bfloat16", "bfloat16"], "bfloat16 for mobilenet_v2, vgg16 (GPU has bfloat16)"),
        (NEITHER, ["float32", "float32"], "float32 for mobilenet_v2, vgg16 (CPU has no bfloat16)"),
    ],
)
def test_auto_is_bfloat16_where_there_is_any_and_the_backbone_gains_by_it(found, chosen, said):
    cells, line = decide(spec("auto"), lambda: found)
    assert [cell.recipe.precision for cell in cells] == chosen
    assert len({cell.recipe_hash for cell in cells}) == 1, "on one board"
    (alone,), _ = decide(spec("auto").model_copy(update={"backbones": ("mobilenet_v2",)}), lambda: found)
    assert alone.recipe_hash == cells[0].recipe_hash, "also where it is run without the other"
    assert line == f"precision: {said}"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_a_recipe_names_stays_and_the_machine_is_not_asked(precision):
    def find():
        raise AssertionError("asked")

    cells, line = decide(spec(precision), find)
    assert cells == spec(precision).cells() and line == ""
