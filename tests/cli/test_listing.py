"""What `fer-bench list` says of each study and plug-in."""

import io

from rich.console import Console

from fer_bench.backbones.base import BACKBONES
from fer_bench.cli.listing import markdown_tables, tables
from fer_bench.datasets.base import DATASETS
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.file import study_files

NAMES = [*study_files(), *BACKBONES, *STRATEGIES, *DATASETS]


def test_each_entry_is_there_with_its_first_line():
    rows = [line.split(" | ") for line in markdown_tables().splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"| `{name}`" for name in NAMES]
    for name, (_, line) in zip(NAMES, rows, strict=True):
        said = line.removesuffix(" |")
        assert said and not said.endswith((".", ":")), name


def test_a_terminal_shows_the_same():
    console = Console(file=io.StringIO(), width=300)
    console.print(tables())
    shown = [line.split()[0] for line in console.file.getvalue().splitlines() if line.strip()]
    assert [word for word in shown if word in NAMES] == NAMES
