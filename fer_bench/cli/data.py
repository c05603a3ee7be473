"""The commands `fer-bench data ...`: bring images in, look at them, find what is wrong with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from fer_bench.cli.data_import import download, import_, print_names, print_notes, tracked
from fer_bench.cli.options import console
from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.data.images import FaceImages

app = typer.Typer(
    help="Bring images in, look at them, find what is wrong with them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.command("import")(import_)
app.command()(download)

Name = Annotated[str | None, typer.Argument(help="A dataset; fer2013 if imported, else synthetic.")]


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
    print_notes(images)
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
    print_names("blank", list(findings.blank))
    print_names("skipped", list(findings.skipped))
    print_notes(images)
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
    shared = shared_images(images, others, tracked("comparing"))
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

    datasets = {name: find_dataset(name) for name in known_datasets()}
    downloads = " or ".join(name for name, dataset in datasets.items() if dataset.kaggle)
    console.print(data_tables.dataset_list(datasets))
    console.print(f"from Kaggle: fer-bench data download {downloads}", highlight=False)
    console.print("from a folder or file: fer-bench data import PATH", highlight=False)


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
