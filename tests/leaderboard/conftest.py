import pytest
from leaderboard_records import example

from fer_bench.leaderboard.ranking import leaderboard


@pytest.fixture(scope="session")
def frame():
    return leaderboard(*example())
