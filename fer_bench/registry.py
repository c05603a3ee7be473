"""Named entries that are found by looking: duplicates are refused, a wrong name is met with the nearest."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from fer_bench.errors import UserError

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Named entries of one kind: every module in `package`, and what others declare as entry points.

    A module registers its entry with the decorator `register`; other packages name a module of theirs in the
    entry-point group called like the package (`fer_bench.strategies`, ...). Nothing is imported before the
    first look-up.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._found = False

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator that adds an entry under `name`; raises ValueError for a name that another entry has."""

        def add(entry: Entry) -> Entry:
            if name in self._entries:
                raise ValueError(f"two entries want the name {name!r} of a {self.kind}")
            self._entries[name] = entry
            return entry

        return add

    @contextmanager
    def temporarily(self, **entries: Entry) -> Iterator[None]:
        """Register further entries for as long as a `with` block lasts, as a test does.

        Modules and entry points that came after the registry's first search are found too, and forgotten at
        the end. Raises ValueError for a name that is taken.
        """
        self._find()
        permanent, self._entries = self._entries, dict(self._entries)
        try:
            importlib.invalidate_caches()  # of folders that Python has looked into before
            self._search()
            for name, entry in entries.items():
                self.register(name)(entry)
            yield
        finally:
            self._entries = permanent

    def __getitem__(self, name: str) -> Entry:
        self._find()
        if name not in self._entries:
            raise UserError(unknown(self.kind, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self._find()
        return iter(sorted(self._entries))

    def _find(self) -> None:
        if not self._found:
            self._found = True
            self._search()

    def _search(self) -> None:
        """Import every module of the package and every entry point, which register their entries."""
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        for point in entry_points(group=self._package):
            point.load()


def unknown(kind: str, name: str, known: object) -> str:
    """Message for a name that isn't known: the nearest known one, then all of them."""
    names = sorted(map(str, known))  # type: ignore[call-overload]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {name!r}: {hint}known: {', '.join(names)}"
