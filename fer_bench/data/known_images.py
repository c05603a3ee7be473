"""Images of a known set, recognised by their pixels in whatever form and under whatever names they come.

Stored are perceptual hashes: of each image the signs of 64 of its lowest frequencies, less the nine lowest,
which are alike in most faces. A copy that was resized, or stored as JPEG again, has nearly all of them.
`python tests/support/fer2013_hashes.py` makes the file from FER-2013's images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_bench.data.images import SUBSETS
from fer_bench.data.near_duplicates import above
from fer_bench.data.thumbnails import diagonals, low_frequencies, normalised

FER2013 = Path(__file__).with_name("fer2013_hashes.npz")
SKIPPED, BITS = 9, 64
OFF = 4  # bits in which a copy may differ
FEW = 10  # images in common that nobody needs to know of
AGREEING = 0.99  # share of images in the subset that the known set has them in
AT_ONCE, SAMPLE = 4096, 2000
VAL, TEST, NONE = (SUBSETS.index(name) for name in ("val", "test", "none"))
COMPARE = "scores are not comparable with those of FER-2013's official split"
FREQUENCIES = diagonals(12)[SKIPPED : SKIPPED + BITS]


@dataclass(frozen=True)
class Recognised:
    """What is to be said of an import: notes, shown wherever it is used, and splits that it can't give."""

    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def hashes(small: np.ndarray) -> np.ndarray:
    """Perceptual hashes of thumbnails (n, 48, 48): (n,) uint64, 0 where there is no contrast."""
    rows, columns = np.array(FREQUENCIES).T
    found = np.empty(len(small), np.uint64)
    for begin in range(0, len(small), AT_ONCE):
        waves = low_frequencies(normalised(small[begin : begin + AT_ONCE]), 1 + max(map(max, FREQUENCIES)))
        signs = np.packbits(waves[:, rows, columns] > 0, axis=1)
        found[begin : begin + AT_ONCE] = np.frombuffer(signs.tobytes(), ">u8")
    return found


def recognise(small: np.ndarray, subsets: np.ndarray, known: Path = FER2013) -> Recognised:
    """What of an import's thumbnails (N, 48, 48) in `subsets` (N,) uint8 are FER-2013's images.

    Where none of about 2,000 of them is, spread over all, the others aren't looked at.
    """
    with np.load(known, allow_pickle=False) as file:
        those = file["hashes"], file["subsets"]
    found = hashes(small)
    if not copies(found[:: max(len(found) // SAMPLE, 1)], *those).any():
        return Recognised()
    seen = copies(found, *those)
    count, whole = int(seen.any(axis=1).sum()), len(small)
    if count < FEW:
        return Recognised()
    if 2 * count < whole:
        note = (
            f"{count:,} of these {whole:,} images are FER-2013's: a model trained on one has seen the other's"
        )
        return Recognised((note,))
    if (subsets == NONE).all():
        return Recognised((f"these are {count:,} of FER-2013's images without its split: {COMPARE}",))
    if not (subsets == VAL).any():  # PublicTest and PrivateTest in one
        seen[:, TEST] |= seen[:, VAL]
    elsewhere = count - int(seen[np.arange(whole), subsets].sum())
    if elsewhere <= (1 - AGREEING) * count:
        return Recognised()
    note = (
        f"these are {count:,} of FER-2013's images under another split, {elsewhere:,} of them in another "
        f"subset than there: official is refused; {COMPARE}"
    )
    return Recognised((note,), ("official",))


def copies(found: np.ndarray, known: np.ndarray, known_subsets: np.ndarray) -> np.ndarray:
    """Whether an image is a copy of a known one of each subset: (n, 4) bool, in the order of SUBSETS.

    Of hashes (n,) and known ones (m,) uint64, with the index of each one's subset.
    """
    seen = np.zeros((len(found), len(SUBSETS)), bool)
    some, known_subsets = np.flatnonzero(found), known_subsets[known > 0]
    for rows, columns in above(_signs(found[some]), _signs(known[known > 0]), BITS - 2 * OFF):
        seen[some[rows], known_subsets[columns]] = True
    return seen


def _signs(found: np.ndarray) -> np.ndarray:
    """Bits of hashes (n,) as (n, 64) float32 of 1 and -1, whose products count those that are equal."""
    bits = np.unpackbits(found.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    return bits.astype(np.float32) * 2 - 1
