"""What there is: studies, backbones, strategies and datasets, each by the first line of its docstring."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from fer_bench.backbones.base import BACKBONES
from fer_bench.datasets.base import DATASETS
from fer_bench.registry import Registry
from fer_bench.strategies.base import STRATEGIES
from fer_bench.study.file import study_files


def _kinds() -> Iterator[tuple[str, dict[str, str]]]:
    yield (
        "study",
        {name: _question(path.read_text("utf-8", "replace")) for name, path in study_files().items()},
    )
    registries: dict[str, Registry] = {"backbone": BACKBONES, "strategy": STRATEGIES, "dataset": DATASETS}
    for kind, registry in registries.items():
        yield kind, {name: _first_line(registry[name]) for name in registry}


def _question(text: str) -> str:
    first = text.partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _first_line(entry: type) -> str:
    return (sys.modules[entry.__module__].__doc__ or "").strip().partition("\n")[0].rstrip(".:")


def tables() -> Group:
    """A table for each kind, for the terminal."""
    shown: list[Table | str] = []
    for kind, entries in _kinds():
        table = Table(box=None, pad_edge=False)
        table.add_column(kind, style="bold", no_wrap=True)
        table.add_column("")
        for name, line in entries.items():
            table.add_row(escape(name), escape(line))
        shown += [table, ""]
    return Group(*shown[:-1])


def markdown_tables() -> str:
    """A table for each kind in Markdown, as the documents hold them."""
    parts = []
    for kind, entries in _kinds():
        rows = [f"| `{name}` | {line} |" for name, line in entries.items()]
        parts.append("\n".join([f"| {kind} | |", "|---|---|", *rows]))
    return "\n\n".join(parts)
