"""Where a board's numbers come from, and the commands that make them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pandas as pd

from fer_bench.leaderboard.board import BASELINE
from fer_bench.report.board_view import BoardView
from fer_bench.report.formats import percent
from fer_bench.report.tables import Column, Table, table
from fer_bench.storage.records import CellStatus, RepeatRecord
from fer_bench.study.spec import UNTUNED
from fer_bench.study.variants import chosen_by, in_words

Facts = list[tuple[str, str]]


def facts(view: BoardView, repeats: Sequence[RepeatRecord]) -> Facts:
    """Names and values: study, data, seeds, versions, devices, from what the repeats have logged."""
    title, cells = view.analysis.title, view.analysis.cells
    tags = [repeat.tags for repeat in repeats]
    fingerprints = {repeat.board.get("data_fingerprint", "") for repeat in repeats}
    found = [
        ("Study", title.get("study", "")),
        ("Recipe", " ".join(filter(None, [title.get("recipe_name", ""), *_distinct(cells["recipe"])]))),
        ("Data", title.get("dataset", "")),
        ("Data's fingerprint", ", ".join(_distinct(fingerprints)) or title.get("data_fingerprint", "")),
        ("Split", title.get("split", "")),
        ("Images (train/val/test)", title.get("images", "")),
        ("Training set", in_words(title)),
        ("Shared phases", title.get("shared_phases", "")),
        ("Budget", title.get("budget", "")),
        ("Pretrained weights", ", ".join(_distinct(_weights(each) for each in tags))),
        ("Seeds of repeats", "" if view.scored else _seeds(repeats)),
        ("fer-bench's commit", ", ".join(_distinct(repeat.commit for repeat in repeats))),
        ("Versions", "; ".join(_distinct(_versions(each) for each in tags))),
        ("Computed on", "; ".join(_distinct(each.get("device", "") for each in tags))),
        ("Runs began", _dates(repeats)),
    ]
    return [(name, value) for name, value in found if value]


def _distinct(words: Iterable[object]) -> list[str]:
    return sorted({str(word) for word in words if word})


def _weights(tags: dict[str, str]) -> str:
    return " ".join(filter(None, (tags.get("weights", ""), tags.get("weights_hash", ""))))


def _versions(tags: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {version}" for name, version in json.loads(tags.get("versions") or "{}").items()
    )


def _seeds(repeats: Sequence[RepeatRecord]) -> str:
    """Seeds by slot; those of a slot differ by backbone, never by strategy."""
    by_slot: dict[int, set[int]] = {}
    for repeat in repeats:
        by_slot.setdefault(repeat.slot, set()).add(repeat.seed)
    return "; ".join(
        f"{slot}: {', '.join(map(str, sorted(seeds)))}" for slot, seeds in sorted(by_slot.items())
    )


def _dates(repeats: Sequence[RepeatRecord]) -> str:
    days = [datetime.fromtimestamp(repeat.started, UTC).strftime("%Y-%m-%d %H:%M") for repeat in repeats]
    return f"{' to '.join(dict.fromkeys((min(days), max(days))))} UTC" if days else ""


def keys(view: BoardView) -> Table:
    """Key, recipe and commits of each cell."""
    columns = [Column("cell", "Key"), Column("recipe", "Recipe"), Column("commits", "Commits")]
    return table(view.cells, "Keys of the cells", [*view.cell_columns, *columns])


def command(view: BoardView, statuses: Sequence[CellStatus]) -> str:
    """The command that makes the board's cells again, as a shell takes it; one for each scored model."""
    title, cells = view.analysis.title, view.analysis.cells
    if view.scored:
        place = ["--dataset", title.get("dataset", ""), "--split", title.get("split", "")]
        score = ["fer-bench", "score", "FILE", *place, "--name"]
        return "\n".join(shlex.join([*score, name]) for name in cells["backbone"])
    words = ["fer-bench", "run", "--study", title.get("study", "")]
    options = {name: title.get(name, "") for name in ("dataset", "split", "budget")}
    for option, value in {**options, "recipe": title.get("recipe_name", ""), **chosen_by(title)}.items():
        words += [f"--{option}", value] if value else []
    words += ["--backbones", ",".join(dict.fromkeys(cells["backbone"]))]
    asked = dict.fromkeys(
        name for name in cells["strategy"] if not name.endswith(UNTUNED)
    )  # those come along
    strategies = sorted(asked, key=lambda name: name != BASELINE)
    words += ["--strategies", ",".join(strategies)]
    planned = [status for status in statuses if view.has(status)]
    trials, repeats = ({getattr(s, f"{name}_planned") for s in planned} for name in ("trials", "repeats"))
    words += ["--trials", str(max(trials))] if trials and max(trials) else []
    words += ["--repeats", str(max(repeats))] if repeats else []
    return shlex.join(words)


def effective_priors(view: BoardView, repeats: Sequence[RepeatRecord]) -> Table | None:
    """Class shares that each cell trains for."""
    logged = {repeat.cell: json.loads(repeat.tags.get("effective_prior") or "{}") for repeat in repeats}
    priors = view.cells["cell"].map(lambda cell: logged.get(cell) or {})
    if not any(priors):
        return None
    shares = pd.DataFrame([{f"of {name}": prior.get(name) for name in view.classes} for prior in priors])
    columns = (*view.cell_columns, *(Column(f"of {name}", name, percent) for name in view.classes))
    frame = pd.concat([view.cells[["c", "label"]], shares], axis=1)
    return table(frame[priors.map(bool)], "Class shares that each cell trains for, in percent", columns)
