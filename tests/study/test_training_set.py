"""What a study may say of its training split, and what it may not."""

import pytest

from fer_bench.errors import UserError
from fer_bench.study.resolve import resolve

SMALL = {"backbones": ["compact_cnn"], "strategies": ["none"], "recipe": {"weights": "none"}}


def test_one_value_is_a_list_of_one_and_none_is_nothing():
    spec = resolve({**SMALL, "imbalance_ratio": 16.5, "label_noise": [0, 0.1, 0.1]})
    assert (spec.imbalance_ratio, spec.label_noise) == ((16.5,), (0.0, 0.1))
    spec = resolve(SMALL)
    assert (spec.imbalance_ratio, spec.label_noise, spec.total) == (None, None, "constant")
    assert spec.imbalance_profile == "exponential"


def test_a_budget_may_list_others():
    content = {**SMALL, "imbalance_ratio": [1, 50], "budgets": {"quick": {"imbalance_ratio": 10}}}
    assert resolve(content, "quick").imbalance_ratio == (10.0,)


def test_a_class_that_is_taken_for_one_other_needs_no_weight():
    along = {"disgust": "angry", "fear": {"sad": 3, "surprise": 1}}
    spec = resolve({**SMALL, "label_noise": 0.1, "label_noise_along": along})
    assert spec.label_noise_along == {"disgust": {"angry": 1.0}, "fear": {"sad": 3.0, "surprise": 1.0}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"imbalance_ratio": 0.5}, "imbalance_ratio.0: expected 1 or more, got 0.5"),
        ({"imbalance_ratio": "much"}, "imbalance_ratio.0: expected a number, got 'much'"),
        ({"imbalance_ratio": []}, "imbalance_ratio: expected at least one"),
        ({"imbalance_ratio": [1, True]}, "imbalance_ratio.1: expected a number, got True"),
        ({"imbalance_profile": "steps"}, "imbalance_profile: expected exponential or step, got 'steps'"),
        ({"total": "fixed"}, "total: expected constant or shrink, got 'fixed'"),
        ({"label_noise": 1}, "label_noise.0: expected less than 1, got 1"),
        ({"label_noise": -0.1}, "label_noise.0: expected 0 or more, got -0.1"),
        ({"label_noise": {"share": 0.1}}, "label_noise.0: expected a number, got {'share': 0.1}"),
        ({"imbalance_ratio": [1, 2], "label_noise": [0, 0.1]}, "both list several values; give one to one"),
        ({"label_noise_along": {"disgust": "angry"}}, "label_noise must say how many"),
        (
            {"label_noise": 0.1, "label_noise_along": {"disgust": {}}},
            "label_noise_along.disgust: expected at",
        ),
        (
            {"label_noise": 0.1, "label_noise_along": {"disgust": {"angry": 0}}},
            "label_noise_along.disgust.angry: expected more than 0, got 0",
        ),
        ({"label_noise": 0.1, "label_noise_along": "all"}, "label_noise_along: expected keys and values"),
    ],
)
def test_what_cant_be_is_said_in_one_line(changes, said):
    with pytest.raises(UserError) as caught:
        resolve({**SMALL, **changes})
    assert said in str(caught.value) and "\n" not in str(caught.value)
