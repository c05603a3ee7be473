"""A dict of named entries that refuses duplicates, explains unknown names, and finds its entries itself."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from fer_bench.errors import UserError

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Named entries of one kind: every module in `package`, and what others declare as entry points.

    A module registers itself with the decorator `register`; other packages name a module of theirs in
    the entry-point group called like the package (`fer_bench.strategies`, ...).
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._found = False

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator that files an entry under `name`; a name taken by another entry raises ValueError."""

        def file(entry: Entry) -> Entry:
            if name in self._entries:
                raise ValueError(f"two entries want the name {name!r} of a {self.kind}")
            self._entries[name] = entry
            return entry

        return file

    def __getitem__(self, name: str) -> Entry:
        self._find()
        if name not in self._entries:
            raise UserError(unknown(self.kind, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self._find()
        return iter(sorted(self._entries))

    def _find(self) -> None:
        if self._found:
            return
        self._found = True
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
