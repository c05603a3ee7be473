"""Guard the tail: no long function, no big module, none that does not say what it does."""

import ast
from pathlib import Path

import pytest

import fer_bench

MODULES = sorted(Path(fer_bench.__file__).parent.rglob("*.py"))
FUNCTION, MODULE = 40, 300


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function less its docstring's."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return lines - len((ast.get_docstring(function) or "").splitlines())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_is_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE
    functions = [
        n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert {f.name: length(f) for f in functions if length(f) > FUNCTION} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_says_what_it_does(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
