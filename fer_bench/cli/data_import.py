"""The commands `fer-bench data import` and `download`: bring images in."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track

from fer_bench.cli.options import console
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.data.draft import Draft, ImportOptions, Track
    from fer_bench.data.file_tree import FileTree
    from fer_bench.data.images import FaceImages

MOST_NAMED = 10  # images named on the screen; all broken ones are in the import's meta.json


def import_(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME] PATH", help="A folder, archive or table; before it what it is."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of your own to store the images under.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help='Names of classes: "1=happy,2=sad"; "contempt=-" leaves one out; "common" keeps seven.'
        ),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side in pixels; else the common size, else 112.")] = None,
    allow_missing_classes: Annotated[
        bool, typer.Option("--allow-missing-classes", help="Accept classes of no or one image.")
    ] = False,
) -> None:
    """Decode images once into a cache that every run reads.

    What the files are is found by looking; NAME before PATH says it instead.

    Class folders may have a table attributes.csv beside them (image,age,gender): scores are told by group.

    [bold]Examples[/bold]

    fer-bench data import archive.zip

    fer-bench data import my_faces/ --name mine

    fer-bench data import numbered.zip --name yours --classes "1=surprise,2=fear,3=disgust"

    fer-bench data import ferplus/ --name ferplus7 --classes common

    fer-bench data import fer2013 archive.zip
    """
    from fer_bench.data.class_choice import ALL_CLASSES, parse_classes
    from fer_bench.data.draft import ImportOptions
    from fer_bench.datasets.base import DATASETS

    started = time.monotonic()
    if not what:
        _print_forms()
        raise typer.Exit(2)
    tree, kind = _recognised(what)
    chosen = ALL_CLASSES if classes is None else parse_classes(classes)
    options = ImportOptions(chosen, size, allow_missing_classes)
    _check_options(kind, options)
    name = _stored_name(kind, name)
    draft = DATASETS[kind]().read(tree, options, tracked("looking"))
    _store(name, replace(draft, read_as=kind), started)


def download(name: Annotated[str, typer.Argument(help="fer2013 or fer-49779.")]) -> None:
    """Download from Kaggle, then import.

    [bold]Example[/bold]

    fer-bench data download fer2013
    """
    from fer_bench.data import kaggle
    from fer_bench.data.archive import open_tree
    from fer_bench.datasets.base import DATASETS

    dataset = DATASETS[name]()
    if dataset.kaggle is None:
        raise UserError(f"{name!r} isn't downloaded: {dataset.how}")
    started = time.monotonic()
    tree = open_tree(kaggle.download(dataset.kaggle, name))
    _store(name, replace(dataset.read(tree, track=tracked("looking")), read_as=name), started)


def _recognised(what: list[str]) -> tuple[FileTree, str]:
    """What to import, and the dataset that it is: recognised, or said before the path."""
    from fer_bench.data.archive import open_tree
    from fer_bench.datasets.base import DATASETS
    from fer_bench.datasets.recognise import recognise

    if len(what) > 2:
        raise UserError(f"data import {' '.join(what)}: expected a path, or a name and a path")
    if len(what) == 2:
        name, path = what
        DATASETS[name]  # an unknown one is told before a wrong path is
        return open_tree(Path(path)), name
    tree = open_tree(Path(what[0]))
    kind, words = recognise(tree)
    console.print(f"found: {escape(words)}", soft_wrap=True)
    return tree, kind


def _check_options(kind: str, options: ImportOptions) -> None:
    """Raise UserError for an option that the reader doesn't heed."""
    from fer_bench.data.draft import NO_OPTIONS
    from fer_bench.datasets.base import DATASETS

    flags = {"classes": "--classes", "size": "--size", "allow_missing": "--allow-missing-classes"}
    for field, flag in flags.items():
        if getattr(options, field) != getattr(NO_OPTIONS, field) and field not in DATASETS[kind].options:
            heeding = [name for name in DATASETS if field in DATASETS[name].options]
            raise UserError(f"{flag} is not for {kind}, but for: {', '.join(heeding)}")


def _print_forms() -> None:
    """Print what can be imported."""
    from fer_bench.datasets.recognise import known_forms

    console.print("give the PATH of what to import; it is recognised by looking:")
    for name, forms in known_forms().items():
        console.print(f"  {escape(name)}: {escape(forms)}", soft_wrap=True)
    console.print("examples: fer-bench data import --help")


def _stored_name(kind: str, name: str | None) -> str:
    """Name to store under: the dataset's own, or the user's; UserError where that is missing or another's."""
    from fer_bench.datasets.base import DATASETS

    if name and name in DATASETS and (name != kind or DATASETS[kind].generic):
        raise UserError(f"--name {name}: expected a name of your own, not {', '.join(DATASETS)}")
    if name is None and DATASETS[kind].generic:
        raise UserError(
            "--name is missing: expected a name of your own for these images, such as --name mine"
        )
    return name or kind


def _store(name: str, draft: Draft, started: float) -> None:
    """Decode what was read into the cache, and print what came of it."""
    from fer_bench.cli import data_tables
    from fer_bench.data import cache

    if draft.augmented:
        console.print("augmented copies are looked for, too: about 20 minutes for 50,000 images")
    try:
        images = cache.save(name, draft, tracked("decoding"), tracked("comparing"))
    except KeyboardInterrupt:
        console.print(f"interrupted: nothing was imported as {name}")
        raise SystemExit(130) from None
    console.print(data_tables.as_imported(images))
    for remark in draft.remarks:
        console.print(escape(remark), soft_wrap=True)
    print_names("skipped", list(images.skipped))
    print_notes(images)
    folder = escape(str(cache.home()))
    seconds = time.monotonic() - started
    console.print(
        f"imported {len(images):,} images as {name} into {folder} in {seconds:.0f} s", soft_wrap=True
    )


def tracked(what: str) -> Track:
    """What shows the progress of a loop, on a terminal."""

    def shown(items: Iterable[Any], total: int) -> Iterable[Any]:
        quiet = not console.is_terminal
        return track(items, what, total=total, console=console, transient=True, disable=quiet)

    return shown


def print_names(what: str, names: list[str]) -> None:
    """Print how many images are blank or skipped, and the first of them."""
    if names:
        console.print(f"{what}: {len(names):,} image{'' if len(names) == 1 else 's'}")
    for name in names[:MOST_NAMED]:
        console.print(f"  {escape(name)}", soft_wrap=True)
    if len(names) > MOST_NAMED:
        console.print(f"  ... and {len(names) - MOST_NAMED:,} more")


def print_notes(images: FaceImages) -> None:
    """Print what the images are warned of."""
    for note in images.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}", soft_wrap=True)
