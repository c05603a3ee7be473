"""The project's documents (Markdown), and the parts of them that are generated. A command writes those anew:

python tests/support/documents.py
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import package_diagram
from result_table import dose_table, result_table

from fer_bench.cli.listing import markdown_tables

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", ".github/**/*.md", "experiments/*.md", "fer_bench/*.md", "mlruns/*.md", "tests/*.md")
PATHS = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in PATHS}
PART = re.compile(
    r"(?P<start><!-- generated: (?P<name>[^(\n]+) \([^\n]*\) -->\n).*?(?P<end><!-- generated: end -->)",
    re.DOTALL,
)


def listing(kind: str) -> str:
    """The table of one kind among those that `fer-bench list --markdown` prints."""
    return next(table for table in markdown_tables().split("\n\n") if table.startswith(f"| {kind} |"))


GENERATORS: dict[str, Callable[[], str]] = {
    "package diagram": package_diagram.diagram,
    "package table": package_diagram.table,
    **{kind: lambda kind=kind: listing(kind) for kind in ("study", "backbone", "strategy", "dataset")},
    "results of imbalance": lambda: result_table("imbalance"),
    "results of dose_response": lambda: dose_table("dose_response", "imbalance_ratio"),
    "results of label_noise": lambda: dose_table("label_noise", "label_noise"),
    "results of the seeds": lambda: result_table("seed_1_mobilenet_v2", "seed_2_mobilenet_v2"),
}


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """Code blocks of a language, each with the comment above it, `<!-- words -->`; "" where there is none."""
    return re.findall(rf"(?:<!-- ([^\n]*?) -->\n)?```{language}\n(.*?)```", text, re.DOTALL)


def between(text: str, start: str, end: str) -> str:
    """Text between two comments."""
    return text.split(f"<!-- {start} -->", 1)[1].split(f"<!-- {end} -->", 1)[0].strip()


def refreshed(text: str) -> str:
    """A document with its generated parts made anew."""
    return PART.sub(lambda part: f"{part['start']}\n{GENERATORS[part['name']]()}\n\n{part['end']}", text)


def main() -> None:
    os.chdir(ROOT)  # where studies are looked for first
    for name, text in DOCUMENTS.items():
        if (new := refreshed(text)) != text:
            (ROOT / name).write_text(new, "utf-8")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
