"""Which dataset a file or folder of a user's is."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from fer_bench.data.archive import FileTree, printable
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
    known = "; ".join(DATASETS[name].forms for name in DATASETS if DATASETS[name].forms)
    raise UserError(f"{tree.path}: {_seen(tree)}, which is none of the known forms: {known}")


def _seen(tree: FileTree) -> str:
    """Files by their endings, in words."""
    if not tree.sizes:
        return "no files"
    endings = Counter(PurePosixPath(name).suffix.lower() or "no ending" for name in tree.sizes)
    often = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(3))
    return f"{len(tree.sizes):,} files ({often}; such as {printable(min(tree.sizes))[:80]})"
