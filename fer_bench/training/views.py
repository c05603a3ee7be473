"""Images as the test views of a recipe show them: from a bank, and by the layers of a model file."""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers, ops

from fer_bench.study.views import View, views
from fer_bench.training.backend import Tensor
from fer_bench.training.pixels import IndexedPixels


class ViewedPixels(layers.Layer):
    """A bank's images in a view that can be changed without another trace."""

    def __init__(self, bank: IndexedPixels, size: int) -> None:
        super().__init__(name="viewed_pixels", dtype="float32")
        self.bank, self.size = bank, size
        self.host_pixels, self.inputs = bank.host_pixels, bank.inputs
        self.rows, self.columns = (
            self.add_weight(
                name=name, shape=(size,), dtype="int32", initializer="zeros", trainable=False, autocast=False
            )
            for name in ("rows", "columns")
        )
        self.built = True

    def set(self, view: View) -> None:
        """Show images in this view from now on."""
        for variable, places in zip((self.rows, self.columns), view.places(self.size), strict=True):
            variable.assign(places)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Images (B, S, S, C) float32, never augmented."""
        shown = ops.take(self.bank(inputs, training=False), ops.convert_to_tensor(self.rows), axis=1)
        return ops.take(shown, ops.convert_to_tensor(self.columns), axis=2)


def all_views(images: keras.KerasTensor, kind: Literal["flip", "ten"]) -> keras.KerasTensor:
    """Images (V * N, S, S, C) of (N, S, S, C): all in the first of V views, then all in the second.

    By Keras' own layers, for a model file.
    """
    return layers.Concatenate(axis=0, name="test_views")(
        [_shown(images, view) for view in views(kind, images.shape[1])]
    )


def _shown(images: keras.KerasTensor, view: View) -> keras.KerasTensor:
    shown = images[:, :, ::-1] if view.mirrored else images
    for axis, by in ((1, view.down), (2, view.right)):
        if by:
            shown = _shifted(shown, axis, by)
    return shown


def _shifted(images: keras.KerasTensor, axis: int, by: int) -> keras.KerasTensor:
    """Images moved along an axis, towards its end where `by` is positive; the border is repeated."""

    def part(start: int | None, stop: int | None) -> keras.KerasTensor:
        return images[:, start:stop] if axis == 1 else images[:, :, start:stop]

    border = [part(0, 1) if by > 0 else part(-1, None)] * abs(by)
    rest = part(None, -by) if by > 0 else part(-by, None)
    return layers.Concatenate(axis=axis)([*border, rest] if by > 0 else [rest, *border])
