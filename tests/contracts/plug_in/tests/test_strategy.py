from fer_bench.testing import StrategyContract


class TestRootWeights(StrategyContract):
    name = "root_weights"
