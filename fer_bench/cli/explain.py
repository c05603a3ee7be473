"""`fer-bench explain`: which places of a face speak for its expression; nothing heavy is imported first."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from fer_bench.cli.options import console
from fer_bench.cli.quiet_keras import load_keras
from fer_bench.errors import UserError
from fer_bench.registry import unknown

if TYPE_CHECKING:
    from fer_bench.inference.heat_picture import Explained

SHEET = "heat-sheet"


def explain(
    # Not as paths: an empty name would become the current folder.
    pictures: Annotated[list[str], typer.Argument(help="Pictures, and folders of pictures.", metavar="PATH")],
    model: Annotated[Path, typer.Option(help="A .keras file that fer-bench export wrote.")],
    out: Annotated[Path, typer.Option(help="Folder to write pictures to.")] = Path("explained"),
    class_: Annotated[
        str | None,
        typer.Option("--class", help="What speaks for this class; by default for the likeliest."),
    ] = None,
    no_detect: Annotated[
        bool,
        typer.Option("--no-detect", help="Take pictures whole, even large ones, without a search for faces."),
    ] = False,
) -> None:
    """Show which places of a face speak for its expression, as heat over the face (Grad-CAM).

    A PNG file NAME-heat.png for each picture, and of several a sheet. Pictures are read, and faces found, as
    by fer-bench predict. Heat shows where the net finds what speaks for a class, not why, and not whether it
    is right.

    [bold]Example[/bold]

    fer-bench explain --model model.keras portrait.jpg --class happy
    """
    from fer_bench.inference.pictures import list_pictures

    files = list_pictures(pictures, videos=False)
    _make_folder(out)
    load_keras()
    from fer_bench.inference.explain import explain_files, open_explainer
    from fer_bench.inference.pictures import Unreadable

    explainer = open_explainer(model)
    if class_ is not None and class_ not in explainer.classes:
        raise UserError(f"--class: {unknown('class', class_, explainer.classes)}")
    explained, unreadable = [], 0
    for each in explain_files(explainer, files, class_, not no_detect):
        if isinstance(each, Unreadable):
            unreadable += 1
            line = f"[red]not read:[/red] {escape(each.file)}: {escape(each.reason)}"
            Console(stderr=True).print(line, highlight=False, soft_wrap=True)
        else:
            explained.append(each)
    if explained:
        _write(explained, out, files)
    if unreadable:
        raise SystemExit(1)


def _make_folder(out: Path) -> None:
    """Make the folder; raises UserError, before anything takes time, where nothing can be written to it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: can't be written ({error.strerror}); name a folder") from None


def _write(explained: Sequence[Explained], out: Path, files: Sequence[Path]) -> None:
    """Write a picture each, and sheets; print a table of what was written."""
    from fer_bench.inference.heat_picture import draw, save, sheets

    names = _FreeNames(out, files)
    picture = Column("Picture", overflow="fold")
    table = Table(picture, "Expression", "Most heat", "Remarks", box=None, pad_edge=False)
    drawn = []
    try:
        for each in explained:
            path = names.take(f"{Path(each.file).stem}-heat")
            drawn.append(draw(each))
            save(drawn[-1], path, f"{each.file}: {each.verdict}; {each.caption}")
            row = each.file, each.verdict, each.hottest or "none", "; ".join(each.notes)
            table.add_row(*map(escape, row))
        for sheet in sheets(drawn) if len(drawn) > 1 else []:
            path = names.take(SHEET)
            save(sheet, path, "; ".join(f"{each.file}: {each.verdict}" for each in explained))
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror or error})") from None
    console.print(table)
    console.print(
        f"wrote {path if len(drawn) == 1 else f'{len(drawn)} pictures and {path}'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


class _FreeNames:
    """Names of files in a folder that no other picture has, neither one that is read nor one written."""

    def __init__(self, folder: Path, read: Iterable[Path]) -> None:
        self._folder = folder
        self._taken = {path.resolve() for path in read}

    def take(self, stem: str) -> Path:
        """The file of this name, or with a number behind it."""
        for number in itertools.count(1):
            path = self._folder / f"{stem}{f'-{number}' if number > 1 else ''}.png"
            if path.resolve() not in self._taken:
                break
        self._taken.add(path.resolve())
        return path
