"""Tables of `fer-bench data`: datasets, images by class, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.columns import Columns
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from fer_bench.data.attributes import in_order
from fer_bench.data.audit import Audit
from fer_bench.data.images import SUBSETS, FaceImages, imbalance_ratio
from fer_bench.data.shared_images import KINDS, shared_counts
from fer_bench.data.splits import Split
from fer_bench.datasets.base import Dataset
from fer_bench.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def as_imported(images: FaceImages) -> Group:
    """Images of each class by subset, with shares and the imbalance ratio."""
    subsets = [name for name in SUBSETS if images.in_subset(name).any()]
    columns = [images.counts(images.in_subset(name)) for name in subsets]
    table = _table(None, "class", *("no split" if s == "none" else s for s in subsets), "all", "share")
    totals = images.counts()
    for k, name in enumerate(images.classes):
        share = f"{100 * totals[k] / len(images):.1f} %"
        table.add_row(escape(name), *(f"{column[k]:,}" for column in columns), f"{totals[k]:,}", share)
    table.add_section()
    table.add_row("all", *(f"{column.sum():,}" for column in columns), f"{len(images):,}", "")
    ratios = (imbalance_ratio(counts) for counts in (*columns, totals))
    table.add_row("n_max/n_min", *(f"{ratio:.1f}" for ratio in ratios), "")
    heading = f"{images.name}: {_size(images)}, from {images.source}; as imported"
    return Group(escape(heading), table)


def as_used(images: FaceImages, splits: Sequence[Split]) -> Group:
    """Images of each class in the parts of each split, side by side as far as the screen is wide."""
    heading = "as used, split by split; blank images are not trained on"
    return Group(heading, Columns([_one_split(images, split) for split in splits], padding=(0, 2)))


def _one_split(images: FaceImages, split: Split) -> Table:
    parts = {"train": split.train, "val": split.val, "test": split.test}
    if split.selects_on_test:
        parts = {"train": split.train, "val = test": split.test}
    columns = [images.counts(part) for part in parts.values()]
    table = _table(split.name, "class", *parts)
    for k, name in enumerate(images.classes):
        table.add_row(escape(name), *(f"{column[k]:,}" for column in columns))
    table.add_section()
    table.add_row("all", *(f"{column.sum():,}" for column in columns))
    table.add_row("dedup", *[""] * (len(columns) - 1), f"{split.dedup.sum():,}")
    if split.near_dedup is not None:
        table.add_row("near dedup", *[""] * (len(columns) - 1), f"{split.near_dedup.sum():,}")
    table.add_row("n_max/n_min", *(f"{imbalance_ratio(column):.1f}" for column in columns))
    if split.selects_on_test:
        table.caption = "never ranked with others"
    return table


def by_attribute(images: FaceImages) -> Group:
    """Images of each class by the values of each attribute, as imported; "unknown" where there is none."""
    tables = [_one_attribute(images, name, words) for name, words in images.attributes.items()]
    return Group("by attribute, as imported", Columns(tables, padding=(0, 2)))


def _one_attribute(images: FaceImages, name: str, words: np.ndarray) -> Table:
    values = in_order(set(words.tolist()))
    columns = [images.counts(words == value) for value in values]
    table = _table(escape(name), "class", *(escape(value) or "unknown" for value in values))
    for k, label in enumerate(images.classes):
        table.add_row(escape(label), *(f"{column[k]:,}" for column in columns))
    table.add_section()
    table.add_row("all", *(f"{column.sum():,}" for column in columns))
    table.add_row("share", *(f"{100 * column.sum() / len(images):.1f} %" for column in columns))
    return table


def findings(name: str, audit: Audit) -> Table:
    """What an audit found, one line each."""
    table = _table(f"{name}: {audit.images:,} images; identical means every pixel", "finding", "number")
    lines = [
        ("images skipped at the import, unreadable", len(audit.skipped)),
        ("images blank (constant), not trained on", len(audit.blank)),
        ("groups of identical images", audit.groups),
        ("  images in them", audit.grouped),
        ("  surplus: beyond the first of each group", audit.surplus),
        ("  images in the largest group", audit.largest),
        ("  groups that reach over several subsets", audit.across),
        ("groups of identical images with conflicting labels", audit.conflicting),
        ("  images in them", audit.conflicting_images),
    ]
    for text, number in lines:
        table.add_row(text, f"{number:,}")
    table.add_row(
        "val and test images identical to a training image", f"{audit.leaked:,} of {audit.held_out:,}"
    )
    table.add_section()
    for split, (without_twins, whole) in audit.dedup.items():
        table.add_row(f"test images of {split}, deduplicated", f"{without_twins:,} of {whole:,}")
    table.add_section()
    if audit.near is None:
        table.add_row("near-duplicates, not looked for by the version that imported it: import it again", "-")
        return table
    table.add_row("groups of near-duplicates: correlation 0.95, mirrored too", f"{audit.near.groups:,}")
    table.add_row("  images in them", f"{audit.near.grouped:,}")
    table.add_row("  images in the largest group", f"{audit.near.largest:,}")
    words = "val and test images with a near-duplicate in training"
    table.add_row(words, f"{audit.near.leaked:,} of {audit.held_out:,}")
    for split, (apart, whole) in audit.near.dedup.items():
        table.add_row(f"test images of {split} without near-duplicates", f"{apart:,} of {whole:,}")
    return table


def shared(images: FaceImages, others: FaceImages, found: pd.DataFrame) -> Table | str:
    """How many images two datasets share, by the subsets that they are in."""
    heading = f"{len(found):,} of {len(images):,} images of {images.name} are in {others.name}"
    if found.empty:
        return escape(f"{heading}, neither identical, nor near-duplicates, nor mirrored")
    table = _table(escape(heading), images.name, others.name, *KINDS)
    counts = shared_counts(found)
    for subsets, numbers in zip(counts.index.tolist(), counts.to_numpy().tolist(), strict=True):
        table.add_row(*("no split" if s == "none" else s for s in subsets), *(f"{n:,}" for n in numbers))
    table.caption = "near: correlation of 0.95 or more"
    return table


def dataset_list(datasets: Mapping[str, Dataset]) -> Table:
    """One line for each dataset: how large it is, whether it is there, what it is."""
    table = _table(None, "name", "images", "classes", "size", "there", "what it is")
    for column in table.columns[3:]:
        column.justify = "left"
    for name, dataset in datasets.items():
        try:
            images = dataset.load() if dataset.available() else None
        except UserError as error:
            table.add_row(name, "-", "-", "-", "damaged", escape(str(error)))
            continue
        about = dataset.title or (f"imported by you from {images.source}" if images else "")
        facts = (
            (f"{len(images):,}", str(len(images.classes)), _size(images), "yes")
            if images
            else ("-",) * 3 + ("no",)
        )
        table.add_row(name, *facts, escape(about))
    return table


def _size(images: FaceImages) -> str:
    _, height, width, channels = images.pixels.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def _table(title: str | None, *headings: str) -> Table:
    """Table whose first column is words and whose others are numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right")
    return table
