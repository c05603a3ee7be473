"""The small study that tests train, and variations of it: drawn faces, one small net, seconds on one core."""

from collections.abc import Mapping
from typing import Any

import yaml

STUDY = """\
dataset: synthetic
backbones: [compact_cnn]
strategies: [none, oversampling]
trials: 2
repeats: 2
train_images: 200
val_images: 80
test_images: 100
recipe:
  image_size: 24
  batch_size: 32
  weights: none
  augmentation: none
  phases: [{trainable: all, epochs: 2}]
"""
# Without it `none` has nothing to tune, so that there is no untuned one beside it.
SEARCH = """\
search:
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
"""


def tiny_study(recipe: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """YAML of the small study with other values: of some keys of its recipe, and of some keys of its own."""
    content = yaml.safe_load(STUDY)
    content["recipe"] |= recipe or {}
    return yaml.safe_dump(content | changes, sort_keys=False)
