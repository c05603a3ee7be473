import sys

import pytest

from fer_bench.errors import UserError
from fer_bench.registry import Registry, unknown


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose modules register themselves with the `ENTRIES` that it holds."""
    folder = tmp_path / "made_up_entries"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("made_up_entries")]:
        del sys.modules[name]


def entry(folder, name, text):
    (folder / f"{name}.py").write_text(text)


def registered(package, name="made_up_entries"):
    entries = Registry("fruit", name)
    (package / "base.py").write_text("ENTRIES = None\n")
    import importlib

    importlib.import_module("made_up_entries.base").ENTRIES = entries
    return entries


USES = "from made_up_entries.base import ENTRIES\n"


def test_finds_a_new_file_without_an_edit_elsewhere(package):
    entries = registered(package)
    entry(package, "apple", USES + "ENTRIES.register('apple')('an apple')")
    entry(package, "pear", USES + "ENTRIES.register('pear')('a pear')")
    assert list(entries) == ["apple", "pear"]
    assert entries["apple"] == "an apple"
    assert "pear" in entries
    assert "plum" not in entries


def test_looks_for_entries_only_when_asked(package):
    entries = registered(package)
    entry(package, "apple", USES + "ENTRIES.register('apple')(1)")
    assert "made_up_entries.apple" not in sys.modules
    assert entries["apple"] == 1
    assert "made_up_entries.apple" in sys.modules


def test_refuses_a_name_that_is_taken():
    entries = Registry("fruit", "fer_bench.strategies")
    entries.register("apple")(1)
    with pytest.raises(ValueError, match=r"two entries want the name 'apple' of a fruit"):
        entries.register("apple")(2)


def test_an_unknown_name_is_met_with_the_nearest(package):
    entries = registered(package)
    entry(package, "apple", USES + "ENTRIES.register('apple')(1)\nENTRIES.register('pear')(2)")
    with pytest.raises(UserError) as caught:
        entries["aple"]
    assert str(caught.value) == "unknown fruit 'aple': did you mean 'apple'? known: apple, pear"


def test_a_name_like_none_other_lists_all_without_a_guess():
    assert unknown("fruit", "xyz", ["pear", "apple"]) == "unknown fruit 'xyz': known: apple, pear"


def test_the_decorator_gives_the_entry_back():
    assert Registry("fruit", "fer_bench.strategies").register("apple")(int) is int


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Another package, installed, that declares a module of its own as an entry point."""
    (tmp_path / "orchard.py").write_text(USES + "ENTRIES.register('quince')('from elsewhere')")
    about = tmp_path / "orchard-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: orchard\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[made_up_entries]\nquince = orchard\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("orchard", None)


def test_other_packages_add_theirs_by_an_entry_point(package, installed):
    entries = registered(package)
    assert list(entries) == ["quince"]
    assert entries["quince"] == "from elsewhere"
    assert list(entries) == ["quince"], "loaded once"


def test_an_entry_can_be_added_for_a_while(package):
    entries = registered(package)
    entry(package, "apple", USES + "ENTRIES.register('apple')(1)")
    with entries.temporarily(fig=2, quince=3):
        assert list(entries) == ["apple", "fig", "quince"]
        assert entries["fig"] == 2
    assert list(entries) == ["apple"]


def test_what_was_added_for_a_while_goes_when_the_test_fails(package):
    entries = registered(package)
    with pytest.raises(ZeroDivisionError), entries.temporarily(fig=2):
        _ = 1 / 0
    assert "fig" not in entries


def test_a_name_that_is_taken_can_not_be_taken_for_a_while(package):
    entries = registered(package)
    entry(package, "apple", USES + "ENTRIES.register('apple')(1)")
    with pytest.raises(ValueError, match="two entries want the name 'apple'"), entries.temporarily(apple=2):
        pass
    assert entries["apple"] == 1


def test_files_and_entry_points_that_came_later_are_found_for_a_while(package, request):
    entries = registered(package)
    assert list(entries) == []
    entry(package, "apple", USES + "ENTRIES.register('apple')(1)")
    request.getfixturevalue("installed")
    assert list(entries) == [], "one search is enough"
    with entries.temporarily():
        assert list(entries) == ["apple", "quince"]
    assert list(entries) == []


def test_entries_of_the_tool_are_there():
    from fer_bench.backbones.base import BACKBONES
    from fer_bench.strategies.base import STRATEGIES

    assert {"none", "class_weights", "focal_loss", "oversampling"} <= set(STRATEGIES)
    assert {"mobilenet_v2", "mobilenet_conv", "vgg16", "resnet50", "compact_cnn"} <= set(BACKBONES)
