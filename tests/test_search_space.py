import dataclasses

import pytest
from optuna.trial import FixedTrial

from fer_bench.search_space import Range, ranges, suggest, tunable


@dataclasses.dataclass(frozen=True)
class Knobs:
    fixed: int = 3
    gamma: float = tunable(2.0, low=0.5, high=4.0)
    rate: float = tunable(1e-3, low=1e-5, high=1e-1, log=True)


def test_a_tunable_field_is_a_default_and_a_range():
    assert Knobs() == Knobs(3, 2.0, 1e-3)
    assert ranges(Knobs) == {"gamma": Range(0.5, 4.0), "rate": Range(1e-5, 1e-1, log=True)}


def test_ranges_come_in_the_order_of_the_fields():
    assert list(ranges(Knobs)) == ["gamma", "rate"]


@pytest.mark.parametrize("default", [0.4, 4.1, float("nan")])
def test_a_default_outside_its_range_is_refused(default):
    with pytest.raises(ValueError, match="lies outside"):
        tunable(default, low=0.5, high=4.0)


@pytest.mark.parametrize("default", [0.5, 4.0])
def test_the_ends_belong_to_the_range(default):
    assert default in Range(0.5, 4.0)
    tunable(default, low=0.5, high=4.0)


def test_suggest_asks_for_every_range_in_order():
    asked = []

    class Recorder:
        def suggest_float(self, name, low, high, *, log=False):
            asked.append((name, low, high, log))
            return low

    assert suggest(Recorder(), ranges(Knobs)) == {"gamma": 0.5, "rate": 1e-5}
    assert asked == [("gamma", 0.5, 4.0, False), ("rate", 1e-5, 1e-1, True)]


def test_suggest_draws_from_optuna():
    assert suggest(FixedTrial({"gamma": 1.5, "rate": 1e-2}), ranges(Knobs)) == {"gamma": 1.5, "rate": 1e-2}
