"""Which dataset a file or folder of a user's is."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from fer_bench.data.archive import ARCHIVES, IMAGE_SUFFIXES, FileAlone, FileTree, image_places, printable
from fer_bench.data.tables import header
from fer_bench.datasets.base import DATASETS
from fer_bench.errors import UserError


def recognise(tree: FileTree) -> tuple[str, str]:
    """Name of the dataset, or of the generic form, and what was found, in words.

    A dataset comes before a form. Raises UserError, with what was seen, for none and for several.
    """
    found = {name: words for name in DATASETS if (words := DATASETS[name]().recognise(tree))}
    specific = {name: words for name, words in found.items() if not DATASETS[name].generic}
    candidates = specific or found
    if len(candidates) == 1:
        [answer] = candidates.items()
        return answer
    if candidates:
        said = "; ".join(f"{name}: {words}" for name, words in candidates.items())
        raise UserError(f"{tree.path} could be any of these ({said}): say which, data import NAME PATH")
    raise UserError(f"{_seen(tree)}; known forms: {_named_forms()}")


def known_forms() -> dict[str, str]:
    """What each dataset can be imported from, in a phrase, by its name; mere forms first."""
    names = sorted(DATASETS, key=lambda name: not DATASETS[name].generic)
    return {name: DATASETS[name].forms for name in names if DATASETS[name].forms}


def _named_forms() -> str:
    """The mere forms in words, the others by their datasets' names, short enough for an error."""
    forms = known_forms()
    mere = [words for name, words in forms.items() if DATASETS[name].generic]
    names = [name for name in forms if not DATASETS[name].generic]
    return f"{'; '.join(mere)}; those of {', '.join(names)} (fer-bench data import lists them)"


def _seen(tree: FileTree) -> str:
    """What there is instead of a dataset, in words."""
    suffixes = {name: PurePosixPath(name).suffix.lower() for name in tree.sizes}
    if not tree.sizes:
        return f"{tree.path}: no files in it"
    if isinstance(tree, FileAlone):
        columns = ", ".join(header(tree, tree.path.name)[:20])
        about = f"columns {printable(columns)[:200]}" if columns else "no columns that can be read"
        return f"{tree.path}: a table of no known dataset ({about})"
    if set(suffixes.values()) & IMAGE_SUFFIXES:
        try:
            image_places(tree)
        except UserError as error:
            return str(error)
    if archives := sorted(name for name, suffix in suffixes.items() if suffix in ARCHIVES):
        shown = printable(", ".join(archives[:3]))[:200]
        return f"{tree.path}: archives inside ({shown}): unpack them, or give one of them"
    often = ", ".join(
        f"{n:,} {suffix or 'no ending'}" for suffix, n in Counter(suffixes.values()).most_common(3)
    )
    return f"{tree.path}: no images or table known, but {often} (such as {printable(min(tree.sizes))[:80]})"
