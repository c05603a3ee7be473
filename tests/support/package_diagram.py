"""A picture and a table of fer_bench's packages, made from the import contract and from the real imports."""

import ast
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp  # comes with import-linter

ROOT = Path(__file__).parents[2]
PACKAGE = "fer_bench"
Imports = dict[str, set[str]]


@cache
def layers() -> tuple[tuple[str, ...], ...]:
    """The layers of the import contract in pyproject.toml, highest first, each the names of its packages."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if each["type"] == "layers")
    return tuple(
        tuple(name.strip().removeprefix(f"{PACKAGE}.") for name in layer.split("|"))
        for layer in contract["layers"]
    )


@cache
def imports() -> Imports:
    """What each package imports of the layers below it; an import upwards is import-linter's to report."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    below: Imports = defaultdict(set)
    for number, layer in enumerate(layers()):
        lower = [name for names in layers()[number + 1 :] for name in names]
        for importer in layer:
            below[importer] = {
                name
                for name in lower
                if graph.direct_import_exists(
                    importer=f"{PACKAGE}.{importer}", imported=f"{PACKAGE}.{name}", as_packages=True
                )
            }
    return below


def reachable(name: str) -> set[str]:
    """Packages that a package imports, directly or through others."""
    return {found for direct in imports()[name] for found in (direct, *reachable(direct))}


def diagram() -> str:
    """Mermaid's text: a box per layer, and an arrow per import that doesn't follow from the other arrows."""
    lines = ["```mermaid", "flowchart TB"]
    for number, layer in enumerate(layers(), start=1):
        lines += [f'  subgraph layer{number} [" "]', *(f"    {name}" for name in layer), "  end"]
    for importer, imported in imports().items():
        indirect = {found for name in imported for found in reachable(name)}
        lines += [f"  {importer} --> {name}" for name in sorted(imported - indirect)]
    return "\n".join([*lines, "```"])


def table() -> str:
    """A row per package, from the top: the first sentence of its docstring."""
    rows = [f"| `{name}` | {purpose(name)} |" for layer in layers() for name in layer]
    return "\n".join(["| package | what it holds |", "|---|---|", *rows])


def purpose(name: str) -> str:
    """First paragraph of a package's or a module's docstring, without its last full stop."""
    path = ROOT / PACKAGE / name
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).removesuffix(".")
