"""Logits at the end of a training, averaged over views of each image."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from fer_bench.strategies.base import Head
from fer_bench.study.recipe import Recipe
from fer_bench.study.views import View, views
from fer_bench.training.feature_cache import LARGEST_FEATURES
from fer_bench.training.net import Net
from fer_bench.training.pixels import PixelBank
from fer_bench.training.step import PREDICTION_BATCH, CompiledStep, StepVariant
from fer_bench.training.views import ViewedPixels


class ViewedLogits:
    """Means of logits over a recipe's views, of a net as it is.

    Features of a trunk that is the same for many trainings are kept, up to `limit` bytes.
    """

    def __init__(self, net: Net, bank: PixelBank, recipe: Recipe, limit: int = LARGEST_FEATURES) -> None:
        self._net, self._limit = net, limit
        self._views = views(recipe.test_views, recipe.image_size)
        self._pixels = ViewedPixels(bank, recipe.image_size)
        self._steps: dict[Head | None, CompiledStep] = {}
        self._features: OrderedDict[tuple[int | str, View, bytes], np.ndarray] = OrderedDict()

    def of_pixels(self, kind: Head, index: np.ndarray) -> np.ndarray:
        """Logits (n, K) float32 of images (n,), by the whole net with this kind of head."""
        return np.mean([self._seen(view, kind, index) for view in self._views], axis=0, dtype="float32")

    def of_features(self, kind: Head, index: np.ndarray, trunk: int | str) -> np.ndarray:
        """Logits (n, K) float32 of images (n,), whose trunk is told from others by a number or a word."""
        head = self._net.part(kind, of_pixels=False)
        logits = [
            head.predict(self._kept(trunk, view, index), batch_size=PREDICTION_BATCH, verbose=0)
            for view in self._views
        ]
        return np.mean(logits, axis=0, dtype="float32")

    def _kept(self, trunk: int | str, view: View, index: np.ndarray) -> np.ndarray:
        key = trunk, view, index.tobytes()
        if key in self._features:
            self._features.move_to_end(key)
            return self._features[key]
        features = self._features[key] = self._seen(view, None, index)
        while sum(each.nbytes for each in self._features.values()) > self._limit:
            self._features.popitem(last=False)
        return features

    def _seen(self, view: View, kind: Head | None, index: np.ndarray) -> np.ndarray:
        """Output for images (n,) in a view: logits by this kind of head, or features (None)."""
        if kind not in self._steps:
            part = self._net.body if kind is None else self._net.part(kind, of_pixels=True)
            self._steps[kind] = CompiledStep(self._pixels, part, variant=StepVariant())
        self._pixels.set(view)
        return self._steps[kind].predict_rows(index)
