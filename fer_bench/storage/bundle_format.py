"""What the two texts of a bundle hold: its manifest, and all of a study that isn't an array."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from fer_bench.data.archive import printable
from fer_bench.data.attributes import check_values
from fer_bench.errors import UserError, phrase
from fer_bench.hashing import digest
from fer_bench.storage.bundle_zip import MANIFEST, STUDY, BundleZip
from fer_bench.storage.records import BOARD, TRAINING_SET, CellStatus, TrialRecord
from fer_bench.study.variants import dose_of

FORMAT, VERSION = "fer-bench results", 1
DOSES = {"imbalance_ratio": (1, math.inf), "label_noise": (0, 1)}  # what each may be, and stays below
MOST_IMAGES, MOST_CLASSES, MOST_RUNS = 10_000_000, 200, 100_000
LARGEST = 2**53  # of whole numbers
LONGEST = 20_000  # letters
# What moves a terminal's cursor, or turns the direction of writing; tabs and ends of lines don't.
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NUMBERS = {"val_twins": int, "planned_repeats": int, "honest_ceiling": float}
OBJECTS = ("reported", "effective_prior", "versions")  # in JSON

Count = Annotated[int, Field(ge=0, le=MOST_IMAGES)]
Whole = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Number = FiniteFloat | None
"""A number, None where it is none: JSON has neither NaN nor infinity."""


def _shown(text: str) -> str:
    """A text that can be printed as it is."""
    if CONTROL.search(text):
        raise ValueError("it has control characters")
    return text


def _plain(record: Any) -> Any:
    """A record of a board whose texts can be printed and whose numbers are as large as counts and scores."""
    record = replace(record, board=_board(record.board))
    words = [value for value in vars(record).values() if isinstance(value, str)]
    for value in vars(record).values():
        words += value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise ValueError("it has a number beyond all counts and scores")
    for word in words:
        _shown(word)
    return record


def _board(board: dict[str, str]) -> dict[str, str]:
    """A board with all of its names, and no others; older files lack those of TRAINING_SET."""
    board = dict.fromkeys(TRAINING_SET, "") | board
    if set(board) != set(BOARD):
        raise ValueError("it hasn't the names of a board")
    for tag, (least, below) in DOSES.items():
        if board[tag] and not least <= _number(dose_of(board[tag])) < below:  # nor NaN
            raise ValueError(
                f"{tag} {printable(board[tag][:40])!r}, expected a number from {least} to {below}"
            )
    return board


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags of which those that are read as numbers or JSON are that."""
    for name, kind in NUMBERS.items():
        kind(tags.get(name) or 0)
    for name in OBJECTS:
        try:
            found = json.loads(tags.get(name) or "{}")
        except RecursionError:
            found = None
        values = found.values() if isinstance(found, dict) else [None]
        if not all(isinstance(value, str if name == "versions" else int | float) for value in values):
            raise ValueError(f"its tag {name} can't be read")
    return tags


def _attributes(values: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Attributes as an import would take them, values in alphabetical order."""
    try:
        check_values(list(values), list(values.values()), "they")
    except UserError as error:
        raise ValueError(str(error)) from None
    if any(list(words) != sorted({*words} - {""}) for words in values.values()):
        raise ValueError("its values are not in alphabetical order, each once")
    return values


Text = Annotated[str, Field(max_length=LONGEST), AfterValidator(_shown)]
Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_shown)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Manifest(_Plain):
    """What a bundle says of itself; `members` are SHA-256s by name, `test_images` digests of their ids."""

    format: str
    version: int
    study: Name
    study_fingerprint: Name
    data_fingerprints: tuple[Text, ...]
    test_images: tuple[Name, ...]
    made_by: dict[Name, Text]
    members: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


class ImageSet(_Plain):
    """How many test and validation images runs were scored on; their arrays are members of their own.

    near: whether it is known which of them have near-duplicates; attributes: the values of each that test
    images have, if any is known.
    """

    test: Count
    validation: Count
    near: bool = False
    attributes: Annotated[dict[Name, tuple[Name, ...]], AfterValidator(_attributes)] = {}

    @model_serializer(mode="wrap")
    def _without_nothing(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As before these were known, where they aren't: older versions can read it."""
        later = ("near", "attributes")
        return {name: value for name, value in written(self).items() if name not in later or value}


class StoredRun(_Plain):
    """A repeat less its arrays; `images` is the number of its set, `logits` the type that they are kept in.

    Where `logits` is None they weren't to be had, nor what follows it.
    """

    cell: Name
    board: Annotated[dict[Name, Text], AfterValidator(_board)]
    backbone: Name
    strategy: Name
    recipe: Text
    shared_key: Text
    selected_from: Whole
    slot: Whole
    seed: Whole
    run_id: Text
    commit: Text
    started: FiniteFloat
    metrics: dict[Name, Number]
    tags: Annotated[dict[Name, Text], AfterValidator(_read_tags)]
    images: Annotated[int, Field(ge=0)]
    logits: Literal["<f2", "<f4"] | None
    classes: Annotated[tuple[Name, ...], Field(max_length=MOST_CLASSES)]
    class_counts: tuple[Count, ...]
    history: tuple[dict[Name, Number], ...]
    parameters: dict[Name, Number]
    decision_offset: tuple[FiniteFloat, ...] | None


class StoredStudy(_Plain):
    """All of a study that isn't an array."""

    study: Name
    statuses: list[Annotated[CellStatus, AfterValidator(_plain)]]
    trials: list[Annotated[TrialRecord, AfterValidator(_plain)]]
    images: list[ImageSet]
    runs: Annotated[list[StoredRun], Field(max_length=MOST_RUNS)]


def study_fingerprint(study: StoredStudy) -> str:
    """Hash of the keys of all cells, which are hashes of all that decides their numbers."""
    return digest(sorted({each.cell for each in study.statuses} | {run.cell for run in study.runs}))


def data_fingerprints(study: StoredStudy) -> tuple[str, ...]:
    """Fingerprints of the data that cells were trained and tested on."""
    boards = [each.board for each in study.statuses] + [run.board for run in study.runs]
    return tuple(sorted({board.get("data_fingerprint", "") for board in boards}))


def read_texts(file: BundleZip) -> tuple[Manifest, StoredStudy]:
    """Manifest and study of a bundle, checked; UserError in one line for what they shouldn't be."""
    manifest = _parsed(file, MANIFEST, Manifest)
    if manifest.format != FORMAT:
        raise file.refusal(f"its manifest says {printable(manifest.format[:40])!r}, not {FORMAT!r}")
    if manifest.version != VERSION:
        raise UserError(
            f"{file.path} has version {manifest.version} of its format, and this fer-bench reads {VERSION}: "
            "use the one that made it, or make it again"
        )
    return manifest, _parsed(file, STUDY, StoredStudy)


def _parsed(file: BundleZip, name: str, model: type[Any]) -> Any:
    try:
        return model.model_validate_json(file.read(name))
    except ValidationError as error:
        first = error.errors()[0]
        place = printable(".".join(map(str, first["loc"]))[:100])
        raise file.refusal(
            f"{name}: {place + ': ' if place else ''}{phrase(Exception(first['msg']))}"
        ) from None
