"""Tests lie where the code lies that they are about, and none of them imports another."""

import re
from pathlib import Path

import pytest

import fer_bench

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("test_*.py"))
PACKAGE = Path(fer_bench.__file__).parent
OF_NO_PACKAGE = ("contracts", "end_to_end", "docs")  # of all plug-ins, of all packages, of what is written
OF_ALL_FILES = ("test_style.py", "test_layout.py", "test_ci.py", "test_api.py")


def name(path: Path) -> str:
    return str(path.relative_to(TESTS))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_test_imports_another(path):
    """Neither itself nor in a script for a child process."""
    modules = "|".join(other.stem for other in FILES)
    imports = re.findall(rf"\b(?:from|import) +(?:[\w.]+\.)?({modules})\b", path.read_text(encoding="utf-8"))
    assert imports == [], "what tests share belongs into tests/support or a conftest.py"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_test_lies_beside_what_it_is_about(path):
    """tests/PACKAGE/test_MODULE.py for fer_bench/PACKAGE/MODULE.py, or test_PACKAGE.py for the whole."""
    *folders, _ = path.relative_to(TESTS).parts
    if name(path) in OF_ALL_FILES or (folders and folders[0] in OF_NO_PACKAGE):
        return
    package, module = PACKAGE.joinpath(*folders), path.stem.removeprefix("test_")
    assert (package / "__init__.py").is_file(), f"no package {package.relative_to(PACKAGE.parent)}"
    modules = {each.stem for each in package.glob("*.py")}
    assert module in modules | {package.name}, f"no module {module} in {package.relative_to(PACKAGE.parent)}"
