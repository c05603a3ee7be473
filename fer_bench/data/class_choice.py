"""Which classes of a data set are kept, and under which names: what `--classes` says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fer_bench.data.class_names import COMMON, class_name
from fer_bench.errors import UserError

LEFT_OUT = "-"
EXPECTED = 'expected CLASS=NAME pairs, CLASS=- to leave a class out, or common, as in "0=angry,contempt=-"'


@dataclass(frozen=True)
class ClassChoice:
    """Names by what the source calls its classes; with `common`, only the seven of FER-2013 are kept."""

    names: Mapping[str, str] = field(default_factory=dict)
    common: bool = False

    def apply(self, found: Collection[str]) -> dict[str, str]:
        """The new name of each class found, by its own; a class that is left out is missing.

        Two classes of one new name are merged. Raises UserError for a class that wasn't found, for fewer than
        two left, and for two names that differ in case only.
        """
        meant = {self._found(word, found): name for word, name in self.names.items()}
        if len(meant) < len(self.names):
            raise UserError(f"--classes names a class twice, of {', '.join(meant)}: keep one")
        names = {word: meant.get(word, word.strip()) for word in found}
        if self.common:
            names = {word: class_name(name) for word, name in names.items()}
            names = {word: name for word, name in names.items() if name in COMMON}
        names = {word: name for word, name in names.items() if name != LEFT_OUT}
        if self != ALL_CLASSES and len(set(names.values())) < 2:
            left = ", ".join(sorted(set(names.values()))) or "none"
            raise UserError(f"--classes leaves {left} of the classes {', '.join(found)}: two are needed")
        _check_spelling(names.values())
        return names

    def _found(self, word: str, found: Collection[str]) -> str:
        """The class found that a word means: spelled so, or a synonym; UserError where there is none."""
        if word in found:
            return word
        alike = [other for other in found if class_name(other).casefold() == class_name(word).casefold()]
        if len(alike) != 1:
            raise UserError(f"--classes names {word}: the classes are {', '.join(found)}")
        return alike[0]


ALL_CLASSES = ClassChoice()


def parse_classes(text: str) -> ClassChoice:
    """Read "0=angry,contempt=-" or "common", or both with a comma; UserError where it is no such list."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = [[half.strip() for half in part.split("=")] for part in parts if part != "common"]
    if not parts or any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise UserError(f"--classes {text!r}: {EXPECTED}")
    names = dict(pairs)
    if len(names) < len(pairs):
        raise UserError(f"--classes {text!r} names a class twice: keep one")
    if unprintable := [name for name in names.values() if not name.isprintable()]:
        raise UserError(f"--classes: {unprintable[0]!r} is no name that can be written")
    return ClassChoice(names, "common" in parts)


def _check_spelling(names: Collection[str]) -> None:
    """Raise UserError for two names that differ in case only."""
    spellings: dict[str, str] = {}
    for name in names:
        if (other := spellings.setdefault(name.casefold(), name)) != name:
            raise UserError(
                f'classes {other!r} and {name!r} differ in case only: say --classes "{other}={name}"'
            )
