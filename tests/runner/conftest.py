"""What the runner's tests look at is not in the pictures of a run."""

from collections.abc import Iterator

import pytest
from blank_figures import blank_figures


@pytest.fixture(autouse=True)
def without_pictures() -> Iterator[None]:
    with blank_figures():
        yield
