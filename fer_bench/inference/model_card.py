"""A model card beside an exported model: what it is, how good, whom it fails, what it is not for.

It is written from what was logged, in the form that the Hugging Face Hub shows as a model's README.md.
Mitchell et al., Model Cards for Model Reporting, FAT* 2019. https://arxiv.org/abs/1810.03993
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from fer_bench.errors import UserError, phrase
from fer_bench.files import atomic
from fer_bench.inference import card_results, card_sections
from fer_bench.inference.card_facts import CardFacts, gather
from fer_bench.inference.card_metadata import front_matter
from fer_bench.storage.logged_runs import read_study_runs
from fer_bench.storage.mlflow_card import log_card

if TYPE_CHECKING:
    from fer_bench.inference.export import Exported


def card_file(model: Path) -> Path:
    """Where the card of a model file lies: model.keras.md, so that each file of a folder has its own."""
    return model.with_name(f"{model.name}.md")


def write_card(exported: Exported, model: Path, mlruns: Path) -> Path | None:
    """Write the card of a model file beside it, and log it with the model's run.

    A card of other words that is there already may be edited by hand: it is renamed, and its path is given.
    Raises UserError where the card can't be written, and where it is written but can't be logged.
    """
    _, repeats = read_study_runs(mlruns, exported.kept.record.board["study"])
    facts = gather(exported, model, repeats)
    path, text, earlier = card_file(model), model_card(facts), None
    try:
        if path.is_file() and path.read_bytes() != text.encode():
            earlier = path.rename(_free_name(path))
        with atomic(path) as temporary:
            temporary.write_bytes(text.encode())
    except OSError as error:
        raise UserError(f"wrote {model}, but not {path} ({error.strerror or error})") from None
    try:
        log_card(mlruns, facts.record.run_id, path, summary(facts))
    except Exception as error:  # MLflow lets its stores' own errors through
        raise UserError(f"wrote {path}, but could not log it in MLflow ({phrase(error)})") from None
    return earlier


def _free_name(path: Path) -> Path:
    """The first of model.keras-1.md, model.keras-2.md and so on that no file has."""
    names = (path.with_name(f"{path.stem}-{number}.md") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def model_card(facts: CardFacts) -> str:
    """The whole card in Markdown, behind its metadata."""
    record = facts.record
    sections = {
        "What it is": card_sections.what_it_is(facts),
        "Use": card_sections.use(facts),
        "Data": card_sections.data(facts),
        "Scores": card_results.scores(facts),
        "Calibration": card_results.calibration(facts),
        "Whom it fails": card_results.whom_it_fails(facts),
        "Leaks and warnings": card_results.leaks(facts),
        "Intended use, and misuse": card_sections.intended_use(),
        "Licences": card_sections.licences(facts),
        "Where it comes from": card_sections.origin(facts),
    }
    title = f"# {record.backbone} with {record.strategy}, {record.board['dataset']}"
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items())
    return f"{front_matter(facts)}\n{title}\n\n{summary(facts)}\n\n{body}\n"


def summary(facts: CardFacts) -> str:
    """What has to be known first: also the description of the run in MLflow."""
    return (
        f"{card_results.in_a_sentence(facts)}\n\n> An expression is not a feeling, and the labels are other "
        "people's guesses. Do not judge people by it; in the EU, inferring emotions at work or in schools is "
        "prohibited (AI Act, Art. 5(1)(f))."
    )
