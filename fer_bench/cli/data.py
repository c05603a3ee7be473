"""The commands `fer-bench data ...`: bring images in, look at them, find what is wrong with them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
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

app = typer.Typer(
    help="Bring images in, look at them, find what is wrong with them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
MOST_NAMED = 10  # images named on the screen; all broken ones are in the import's meta.json

Name = Annotated[str | None, typer.Argument(help="A dataset; fer2013 if imported, else synthetic.")]


@app.command("import")
def import_(
    source: Annotated[
        str | None, typer.Argument(metavar="[NAME] PATH", help="What to import: folder, archive or table.")
    ] = None,
    path: Annotated[Path | None, typer.Argument(hidden=True)] = None,
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

    What the files are is found by looking; NAME before PATH says it instead. Class folders may have an
    attributes.csv beside them, image first, then columns such as age or gender: scores are told by group.

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
    if source is None:
        _print_forms()
        raise typer.Exit(2)
    tree, kind = _recognised(source, path)
    chosen = ALL_CLASSES if classes is None else parse_classes(classes)
    options = ImportOptions(chosen, size, allow_missing_classes)
    _check_options(kind, options)
    name = _stored_name(kind, name)
    draft = DATASETS[kind]().read(tree, options, _track("looking"))
    _store(name, replace(draft, read_as=kind), started)


@app.command()
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
    _store(name, dataset.read(tree, track=_track("looking")), started)


@app.command()
def describe(
    name: Name = None,
    out: Annotated[Path | None, typer.Option(help="Folder for two pictures (PNG).")] = None,
) -> None:
    """Count images by class, as imported and as each split uses them, and by attribute; draw them.

    [bold]Examples[/bold]

    fer-bench data describe

    fer-bench data describe fer2013 --out pictures/
    """
    from fer_bench.cli import data_tables
    from fer_bench.data.audit import whole_splits

    images = _open(name)
    if out is not None:
        with _writing(out):
            out.mkdir(parents=True, exist_ok=True)
    console.print(data_tables.as_imported(images))
    console.print(data_tables.as_used(images, whole_splits(images)))
    if images.attributes:
        console.print(data_tables.by_attribute(images))
    _print_notes(images)
    if out is None:
        console.print("pictures of the classes: add --out FOLDER")
        return
    from fer_bench.data import figures

    for figure in (figures.class_distribution, figures.sample_sheet):
        path = out / f"{images.name}_{figure.__name__}.png"
        with _writing(out):
            figure(images, path)
        console.print(f"wrote {escape(str(path))}", soft_wrap=True)


@app.command()
def audit(
    name: Name = None,
    other: Annotated[
        str | None, typer.Argument(help="Another dataset, to name the images that both have.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to name each image in.")] = None,
) -> None:
    """Find broken, blank and identical images, leaks between subsets and conflicting labels.

    Of two datasets, find the images that they share.

    [bold]Examples[/bold]

    fer-bench data audit fer2013

    fer-bench data audit fer2013 --out audit.csv

    fer-bench data audit fer2013 mine --out shared.csv
    """
    from fer_bench.cli import data_tables
    from fer_bench.data.audit import audit as audit_images
    from fer_bench.data.audit import doubtful
    from fer_bench.files import check_csv, write_csv

    if out is not None:
        check_csv(out)
    images = _open(name)
    if other is not None:
        _audit_both(images, _open(other), out)
        return
    findings = audit_images(images)
    console.print(data_tables.findings(images.name, findings))
    _print_names("blank", list(findings.blank))
    _print_names("skipped", list(findings.skipped))
    _print_notes(images)
    if out is not None:
        write_csv(doubtful_images := doubtful(images), out)
        console.print(f"wrote {escape(str(out))}: {len(doubtful_images):,} images", soft_wrap=True)


def _audit_both(images: FaceImages, others: FaceImages, out: Path | None) -> None:
    """Print what two datasets share, and write it to a CSV file if there is one."""
    from fer_bench.cli import data_tables
    from fer_bench.data.shared_images import shared_images
    from fer_bench.files import write_csv

    if images.name == others.name:
        raise UserError(f"{images.name} twice: expected two datasets; of one alone: data audit {images.name}")
    shared = shared_images(images, others, _track("comparing"))
    console.print(data_tables.shared(images, others, shared))
    if out is not None:
        write_csv(shared, out)
        console.print(f"wrote {escape(str(out))}: {len(shared):,} pairs", soft_wrap=True)


@app.command("list")
def list_() -> None:
    """List all datasets: those that fer-bench knows and those imported under a name.

    [bold]Example[/bold]

    fer-bench data list
    """
    from fer_bench.cli import data_tables
    from fer_bench.datasets.base import find_dataset, known_datasets

    console.print(data_tables.dataset_list({name: find_dataset(name) for name in known_datasets()}))


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Raise UserError for what can't be written in the block."""
    try:
        yield
    except OSError as error:
        raise UserError(f"can't write to {out}: {error.strerror}; choose another --out") from error


def _open(name: str | None) -> FaceImages:
    """Images of a dataset; by default of FER-2013, or where it isn't imported, drawn ones."""
    from fer_bench.datasets.base import dataset_available, open_dataset

    images = open_dataset(name or ("fer2013" if dataset_available("fer2013") else "synthetic"))
    images.check_intact()
    return images


def _recognised(source: str, path: Path | None) -> tuple[FileTree, str]:
    """What to import, and the dataset that it is: recognised, or said before the path."""
    from fer_bench.data.archive import open_tree
    from fer_bench.datasets.base import DATASETS
    from fer_bench.datasets.recognise import recognise

    if path is not None:
        DATASETS[source]  # an unknown one is told before a wrong path is
        return open_tree(path), source
    tree = open_tree(Path(source))
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

    images = cache.save(name, draft, _track("decoding"), _track("comparing"))
    console.print(data_tables.as_imported(images))
    for remark in draft.remarks:
        console.print(escape(remark), soft_wrap=True)
    _print_names("skipped", list(images.skipped))
    _print_notes(images)
    folder = escape(str(cache.home()))
    seconds = time.monotonic() - started
    console.print(
        f"imported {len(images):,} images as {name} into {folder} in {seconds:.0f} s", soft_wrap=True
    )


def _track(what: str) -> Track:
    """What shows the progress of a loop, on a terminal."""

    def tracked(items: Iterable[Any], total: int) -> Iterable[Any]:
        quiet = not console.is_terminal
        return track(items, what, total=total, console=console, transient=True, disable=quiet)

    return tracked


def _print_names(what: str, names: list[str]) -> None:
    """Print how many images are blank or skipped, and the first of them."""
    if names:
        console.print(f"{what}: {len(names):,} image{'' if len(names) == 1 else 's'}")
    for name in names[:MOST_NAMED]:
        console.print(f"  {escape(name)}", soft_wrap=True)
    if len(names) > MOST_NAMED:
        console.print(f"  ... and {len(names) - MOST_NAMED:,} more")


def _print_notes(images: FaceImages) -> None:
    for note in images.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}", soft_wrap=True)
