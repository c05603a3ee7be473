"""How parameters are found: slots, and their pairing across strategies."""

import subprocess
import sys
from pathlib import Path

import pytest
import search_history
from search_history import SEARCH, cell, history, result

import fer_bench
from fer_bench.runner.search import draw
from fer_bench.search_space import STARTUP_SLOTS, ranges
from fer_bench.storage.result_files import best
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.resolve import resolve
from fer_bench.study.spec import as_used, defaults, space

SUPPORT = str(Path(search_history.__file__).parent)
ROOT = str(Path(fer_bench.__file__).parent.parent)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_slot_0_is_the_defaults_of_recipe_and_strategy(strategy):
    drawn = draw(cell(strategy), "shared", 0, {})
    assert drawn == defaults(cell(strategy))
    assert drawn["learning_rate"] == 2e-3
    assert drawn["dropout"] == 0.2
    used, settings = as_used(cell(strategy), drawn)
    assert used == STRATEGIES[strategy]()
    assert (settings.learning_rate, settings.dropout) == (2e-3, 0.2)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_drawn_parameters_lie_in_their_ranges_and_reach_their_fields(strategy):
    shared, own = space(cell(strategy))
    assert list(shared) == list(SEARCH)
    assert [name.split(".")[1] for name in own] == list(ranges(STRATEGIES[strategy]))
    for slot, found in history(STARTUP_SLOTS + 3, strategy).items():
        assert list(found.parameters) == [*shared, *own], slot
        assert all(value in {**shared, **own}[name] for name, value in found.parameters.items())
        used, settings = as_used(cell(strategy), found.parameters)
        assert settings.dropout == found.parameters["dropout"]
        assert settings.l2 == 0, "what isn't searched is the recipe's"
        for name in own:
            assert getattr(used, name.split(".")[1]) == found.parameters[name]


def test_a_study_can_search_l2_and_dropout_together():
    spec = resolve({
        "backbones": ["compact_cnn"], "strategies": ["none"],
        "recipe": {"head": {"dropout": 0.2, "l2": 1e-5}},
        "search": {"dropout": {"low": 0, "high": 0.5}, "l2": {"low": 1e-6, "high": 1e-2, "log": True}},
    })  # fmt: skip
    (made,) = spec.cells()
    found = {}
    for slot in range(6):
        parameters = draw(made, "shared", slot, found)
        found[slot] = result(slot, parameters)
        _, used = as_used(made, parameters)
        assert (used.dropout, used.l2) == (parameters["dropout"], parameters["l2"])
        assert 0 <= used.dropout <= 0.5
        assert 1e-6 <= used.l2 <= 1e-2
    assert found[0].parameters == {"dropout": 0.2, "l2": 1e-5}
    for name in ("dropout", "l2"):
        assert len({r.parameters[name] for r in found.values()}) == 6


def test_blind_slots_are_paired_across_strategies():
    runs = {name: history(STARTUP_SLOTS, name) for name in STRATEGIES}
    for slot in range(STARTUP_SLOTS):
        pairs = {tuple(run[slot].parameters[name] for name in SEARCH) for run in runs.values()}
        assert len(pairs) == 1, slot
    rates = {run.parameters["learning_rate"] for run in runs["none"].values()}
    assert len(rates) == STARTUP_SLOTS, "and every slot is another draw"


def test_blind_slots_do_not_depend_on_what_was_found():
    low, high = history(STARTUP_SLOTS, score=lambda p: p["dropout"]), history(STARTUP_SLOTS)
    assert [r.parameters for r in low.values()] == [r.parameters for r in high.values()]


def test_another_shared_key_draws_others():
    assert draw(cell(), "shared", 1, {}) != draw(cell(), "other", 1, {})


def test_a_slot_is_the_same_whenever_and_wherever_it_is_drawn():
    found = history(12)
    for slot in (3, 11):
        assert draw(cell(), "shared", slot, found) == found[slot].parameters, "later ones don't matter"
        backwards = dict(reversed(found.items()))
        assert draw(cell(), "shared", slot, backwards) == found[slot].parameters
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]; from search_history import history; "
        "print(history(12)[11].parameters)"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script, SUPPORT, ROOT], capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == repr(found[11].parameters)


def test_later_slots_learn_from_the_earlier():
    def score(parameters):
        return -abs(parameters["dropout"] - 0.4)

    found = history(40, score=score)
    blind = [abs(found[s].parameters["dropout"] - 0.4) for s in range(1, STARTUP_SLOTS)]
    late = [abs(found[s].parameters["dropout"] - 0.4) for s in range(30, 40)]
    assert sum(late) / len(late) < 0.6 * sum(blind) / len(blind)


def test_a_failed_slot_does_not_stop_the_search():
    found = history(9)
    found[4] = result(4, found[4].parameters, status="failed")
    drawn = draw(cell(), "shared", 9, found)
    assert all(value in {**space(cell())[0], **space(cell())[1]}[name] for name, value in drawn.items())


def test_nothing_to_search_draws_nothing():
    bare = cell("none", {})
    assert draw(bare, "shared", 0, {}) == draw(bare, "shared", 1, {0: result(0, {})}) == {}


def test_the_best_is_the_earliest_of_the_highest_among_the_planned_slots():
    found = {s: result(s, {}, score) for s, score in enumerate([0.3, 0.5, 0.5, 0.9])}
    found[4] = result(4, {}, status="failed")
    assert best(found, 3).slot == 1
    assert best(found, 5).slot == 3
    assert best({4: found[4]}, 5) is None
    assert best({}, 5) is None
