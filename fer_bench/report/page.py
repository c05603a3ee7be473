"""The page: boards to one HTML file that needs no other and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import altair
import jinja2
import vl_convert
from markupsafe import Markup, escape

from fer_bench.environment import commit, versions
from fer_bench.errors import UserError
from fer_bench.files import atomic, check_file
from fer_bench.leaderboard.analysis import BoardAnalysis, analyse_boards
from fer_bench.leaderboard.dose_response import DoseResponse, dose_responses
from fer_bench.leaderboard.ranking import find_boards
from fer_bench.report import theme
from fer_bench.report.board_view import BoardView
from fer_bench.report.dose_response import DosePage, dose_page
from fer_bench.report.dose_view import DoseView
from fer_bench.report.sections import BoardPage, board_page
from fer_bench.storage.records import StudyRuns
from fer_bench.storage.study_runs import read_runs


def write_report(
    out: Path,
    mlruns: Path,
    study: str | None = None,
    from_file: Path | None = None,
    *,
    only: Collection[str] = (),
    all_recipes: bool = False,
) -> Path:
    """Read what was logged of a study, of `only` some experiments, and write its page to `out`.

    Runs are read as by `fer_bench.storage.study_runs.read_runs`, which says what is refused. Raises UserError
    where the file can't be written.
    """
    check_html(out)
    runs = read_runs(mlruns, study, from_file, only=only)
    found = find_boards(runs.statuses, runs.repeats, all_recipes)
    boards = analyse_boards(found, runs.trials)
    boards_of = [each.board for each in runs.statuses] + [each.board for each in runs.repeats]
    name = next((board["study"] for board in boards_of), study or "")
    again = _again(name, mlruns, from_file, all_recipes, out)
    text = render(name, boards, runs, again, dose_responses(found))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic(out) as temporary:
            temporary.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"--out {out}: can't be written ({error.strerror}); name a file") from None
    return out


def check_html(path: Path) -> None:
    """Raise UserError for a path that can't be an HTML file."""
    check_file(path, "report.html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {path}: expected the name of an HTML file, such as report.html")


def _again(study: str, mlruns: Path, from_file: Path | None, all_recipes: bool, out: Path) -> str:
    """The command that writes the page, as a shell takes it."""
    words = ["fer-bench", "report"]
    words += ["--from", str(from_file)] if from_file else ["--study", study]
    words += [] if from_file or mlruns == Path("mlruns") else ["--mlruns", str(mlruns)]
    words += ["--all"] if all_recipes else []
    return shlex.join([*words, "--out", out.name])


def render(
    study: str,
    boards: Sequence[BoardAnalysis],
    runs: StudyRuns,
    again: str,
    responses: Sequence[DoseResponse] = (),
) -> str:
    """HTML of a study's boards and what they say together; `again` is the command that writes this page."""
    across = [dose_page(DoseView(each, place)) for place, each in enumerate(responses, start=len(boards) + 1)]
    pages = [board_page(BoardView(board, place), runs) for place, board in enumerate(boards, start=1)]
    scripts = [_vega(), _resource("page.js")]
    return str(
        _environment()
        .get_template("page.html")
        .render(
            study=study,
            pages=pages,
            across=across,
            planned=len(runs.statuses),
            several=len(pages) > 1,
            again=again,
            version=versions().get("fer-bench", ""),
            commit=commit(),
            style=Markup(_resource("page.css")),
            scripts=[Markup(script) for script in scripts],
            policy=content_policy(scripts),
            page_data=_page_data(study, pages, across),
        )
    )


def content_policy(scripts: Iterable[str]) -> str:
    """What a browser may load and run: these scripts, by their hashes, and nothing else from anywhere.

    Vega evaluates the expressions of its charts with an interpreter, so that no `unsafe-eval` is needed. Its
    charts carry their styles in attributes.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    rules = ["default-src 'none'", f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data: blob:"]
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _page_data(study: str, pages: Sequence[BoardPage], across: Sequence[DosePage]) -> dict[str, Any]:
    """What the page's script draws from."""
    shown: list[BoardPage | DosePage] = [*pages, *across]
    return {
        "study": study,
        "config": theme.config(),
        "light": theme.LIGHT,
        "dark": theme.DARK,
        "boards": [
            {
                "heading": page.view.heading,
                "cells": page.view.cells[["label", "backbone", "strategy"]].to_dict("records"),
                "across": isinstance(page, DosePage),
            }
            for page in shown
        ],
        "figures": {
            f"{page.view.place}-{figure.name}": {
                "title": figure.title,
                "spec": figure.spec,
                "data": figure.data,
                "panels": figure.panels,
                "perCell": figure.per_cell,
                "least": figure.least,
                "most": figure.most,
            }
            for page in shown
            for figure in page.figures
        },
    }


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which sets `vegaEmbed`."""
    version = altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version))
    return script.replace("</script", "<\\/script")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["prose"] = prose
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _resource(name: str) -> str:
    return files("fer_bench.report").joinpath("templates", name).read_text("utf-8")


def prose(text: str) -> Markup:
    """A sentence as HTML: names between backticks as code, all else as it is."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
