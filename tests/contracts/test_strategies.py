"""Every strategy meets the contract; a new one is met here without an edit."""

import optuna
import pytest

from fer_bench.search_space import ranges, suggest
from fer_bench.strategies.base import STRATEGIES
from fer_bench.testing import StrategyContract


class TestEveryStrategy(StrategyContract):
    @pytest.fixture(params=list(STRATEGIES))
    def entry(self, request):
        return STRATEGIES[request.param]

    def test_optuna_can_draw_it(self, entry):
        for seed in range(3):
            trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
            strategy = entry(**suggest(trial, ranges(entry)))
            assert all(getattr(strategy, field) in span for field, span in ranges(entry).items())
