"""Contract tests for strategies, backbones and datasets, for packages that bring entries of their own.

A subclass that names a registered entry runs all tests of its contract. In a test file of the other package:

    from fer_bench.testing import StrategyContract

    class TestMine(StrategyContract):
        name = "mine"

Needs pytest (`pip install "fer-bench[test]"`). May import every package but `cli`; nothing imports it.
"""

import pytest

pytest.register_assert_rewrite(
    "fer_bench.testing.strategies",
    "fer_bench.testing.after_training",
    "fer_bench.testing.backbones",
    "fer_bench.testing.datasets",
)

from fer_bench.testing.backbones import BackboneContract  # noqa: E402 (its asserts are rewritten first)
from fer_bench.testing.datasets import DatasetContract  # noqa: E402
from fer_bench.testing.strategies import StrategyContract  # noqa: E402

__all__ = ["BackboneContract", "DatasetContract", "StrategyContract"]
