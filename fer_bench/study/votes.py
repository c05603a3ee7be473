"""Training on the votes of raters: what it needs of a data set, and its part of a cell's key."""

from __future__ import annotations

import numpy as np

from fer_bench.data.images import FaceImages
from fer_bench.errors import UserError
from fer_bench.hashing import bytes_digest
from fer_bench.study.recipe import Recipe


def check_votes(images: FaceImages, recipe: Recipe, noise: bool = False) -> None:
    """Raise UserError where a recipe trains on votes that are not there, or `noise` is in the labels."""
    if recipe.labels == "votes" and noise:
        raise UserError(
            "recipe.labels: votes: label_noise disturbs labels, which are not trained on then; take labels: "
            "hard, or leave label_noise out"
        )
    if recipe.labels == "votes" and images.votes is None:
        raise UserError(
            f"recipe.labels: votes: dataset {images.name!r} has labels alone; expected one that was imported "
            "with the votes of its raters, such as FERPlus; or labels: hard"
        )


def votes_key(images: FaceImages, recipe: Recipe) -> dict[str, str]:
    """What votes add to the data in a cell's key, whose fingerprint is of labels: nothing for hard ones."""
    if recipe.labels == "hard" or images.votes is None:
        return {}
    return {"votes": bytes_digest(np.ascontiguousarray(images.votes, "<f4").tobytes())}
