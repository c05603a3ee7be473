"""The sections of a board, in the order of the page: what each shows, in figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fer_bench.leaderboard.warnings import letter, own_warnings, shared_warnings
from fer_bench.report import calibration, classes, gains, pareto_front, provenance, training
from fer_bench.report.board_view import BoardView
from fer_bench.report.figures import Figure
from fer_bench.report.leaderboard_table import ensembles, leaderboard_table, reported
from fer_bench.report.summary import Finding, findings
from fer_bench.report.tables import Table
from fer_bench.storage.records import RepeatRecord, StudyRuns

OWN_DATA = (
    "Of their own net, on their own data and split: to be read beside these numbers, not ranked with them."
)


@dataclass(frozen=True, eq=False)
class Section:
    """A heading with figures and tables; `chooses` a cell, if its figures show one at a time."""

    name: str
    title: str
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    text: str = ""
    chooses: bool = False


@dataclass(frozen=True, eq=False)
class BoardPage:
    """All that the page shows of one board."""

    view: BoardView
    findings: list[Finding]
    leaderboard: Table
    ensembles: Table | None
    sections: list[Section]
    facts: provenance.Facts
    keys: Table
    command: str
    shared_warnings: list[str] = field(default_factory=list)
    own_warnings: list[tuple[str, str, list[str]]] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        """Figures of all sections."""
        return [figure for section in self.sections for figure in section.figures]


def board_page(view: BoardView, runs: StudyRuns) -> BoardPage:
    """Everything of a board; the runs may be of others as well."""
    own = [repeat for repeat in runs.repeats if view.has(repeat)]
    return BoardPage(
        view,
        findings(view),
        leaderboard_table(view),
        ensembles(view),
        sections(view, own),
        provenance.facts(view, own),
        provenance.keys(view),
        provenance.command(view, runs.statuses),
        shared_warnings(view.cells),
        [
            (letter(number), phrase, labels)
            for number, (phrase, labels) in enumerate(own_warnings(view.cells).items())
        ],
    )


def sections(view: BoardView, repeats: Sequence[RepeatRecord]) -> list[Section]:
    """Sections that have something to show."""
    made = [
        Section("gains", "Gains and ranks", _made(view, gains.gains, gains.ranks)),
        Section(
            "causes",
            "Moved threshold or better representation",
            _made(view, gains.decomposition, gains.decision_rules),
        ),
        Section(
            "who-pays", "Who pays", _made(view, classes.who_pays, classes.f1), _tables(classes.exchange(view))
        ),
        Section(
            "cell",
            "One cell in detail",
            _made(view, classes.confusion, calibration.reliability, training.curves),
            chooses=True,
        ),
        Section(
            "trade-offs",
            "Accuracy and calibration",
            _made(view, pareto_front.front, calibration.calibration, calibration.class_calibration),
        ),
        Section("cost", "Tuning and cost", _made(view, training.best_of, training.cost)),
        Section(
            "data", "Data", _made(view, classes.counts), _tables(provenance.effective_priors(view, repeats))
        ),
        Section("reported", "Reported by others", tables=_tables(reported(view)), text=OWN_DATA),
    ]
    return [section for section in made if section.figures or section.tables]


def _made(view: BoardView, *makers: Callable[[BoardView], Figure | None]) -> list[Figure]:
    return [figure for maker in makers if (figure := maker(view))]


def _tables(table: Table | None) -> list[Table]:
    return [table] if table else []
