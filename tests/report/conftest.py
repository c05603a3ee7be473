"""Boards of a report."""

import pytest
from board_analyses import board_analysis

from fer_bench.report.board_view import BoardView


@pytest.fixture(scope="session")
def view() -> BoardView:
    """A finished board: one backbone, twelve strategies, three repeats."""
    return BoardView(board_analysis())
