"""Options of `fer-bench predict`: which faces, which frames, a camera instead."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fer_bench.errors import UserError

if TYPE_CHECKING:
    from fer_bench.inference.video import Sampling

# Not as paths: an empty name would become the current folder.
Inputs = Annotated[
    list[str] | None, typer.Argument(help="Pictures, videos, and folders of both.", metavar="PATH")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line and picture, frame or face.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV, one column per class.")]
NoDetect = Annotated[
    bool,
    typer.Option("--no-detect", help="Take pictures whole, even large ones, without a search for faces."),
]
Faces = Annotated[
    Literal["largest", "all"],
    typer.Option(help="Of each picture: its largest face, or all, a row each, numbered by size."),
]
Align = Annotated[bool, typer.Option("--align", help="Turn tilted heads upright, up to 60 degrees.")]
Every = Annotated[
    float, typer.Option(min=0, help="Of a video, take a frame each so many seconds; 0 takes them all.")
]
Start = Annotated[float, typer.Option(min=0, help="Of a video, take frames from this second on.")]
End = Annotated[float | None, typer.Option(help="Of a video, take frames before this second.")]
Plot = Annotated[
    Path | None, typer.Option(help="Draw the expressions over a video's time: FILE.png, .svg or .pdf.")
]
Camera = Annotated[
    int | None,
    typer.Option(min=0, help="Take a picture with this camera instead, 0 the first; it isn't stored."),
]


def check_formats(as_json: bool, as_csv: bool) -> None:
    """Raise UserError where two formats are asked for."""
    if as_json and as_csv:
        raise UserError("--json and --csv: choose one of them")


def check_faces(no_detect: bool, faces: str, align: bool) -> None:
    """Raise UserError for options of found faces where none are searched for."""
    if no_detect and (faces == "all" or align):
        raise UserError(
            f"--no-detect leaves no face to {'align' if align else 'list'}: leave one of them out"
        )


def as_sampling(every: float, start: float, end: float | None) -> Sampling:
    """Options as what frames to take; UserError for what can't be."""
    from fer_bench.inference.video import Sampling

    if not (math.isfinite(every) and math.isfinite(start)):
        raise UserError(f"--every {every:g}, --start {start:g}: expected seconds")
    if end is not None and not end > start:
        raise UserError(f"--end {end:g}: expected seconds, more than --start {start:g}")
    return Sampling(every, start, math.inf if end is None else end)
