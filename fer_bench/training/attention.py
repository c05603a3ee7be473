"""Attention on a feature map before it is pooled: which of its channels count, and which places.

Squeeze and excitation: x sigmoid(f(mean x)), the mean over places, f two dense layers with ReLU between.
Hu et al., Squeeze-and-Excitation Networks, CVPR 2018. https://arxiv.org/abs/1709.01507
CBAM: y = x sigmoid(f(mean x) + f(max x)), then y sigmoid(g(mean y, max y)), these two over channels, g a
7x7 convolution.
Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018. https://arxiv.org/abs/1807.06521

The last kernels of f and g begin at zero: at first every channel and every place counts the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers, ops

REDUCTION = 16  # of the number of channels, between the dense layers


def squeeze_and_excitation(x: keras.KerasTensor) -> keras.KerasTensor:
    """Scale the channels of a map (B, h, w, d)."""
    return _scale_channels(x, [layers.GlobalAveragePooling2D])


def cbam(x: keras.KerasTensor) -> keras.KerasTensor:
    """Scale the channels of a map (B, h, w, d), then its places."""
    x = _scale_channels(x, [layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D])
    over_channels = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
    places = layers.Conv2D(1, 7, padding="same", kernel_initializer="zeros", name="attention_places")
    return _scaled(x, places(layers.Concatenate()(over_channels)))


def _scale_channels(x: keras.KerasTensor, poolings: Sequence[type[layers.Layer]]) -> keras.KerasTensor:
    depth = x.shape[-1]
    # As 1x1 convolutions: the recipe's L2 is on the head's dense layers.
    hidden = layers.Conv2D(max(1, depth // REDUCTION), 1, activation="relu", name="attention_squeeze")
    channels = layers.Conv2D(depth, 1, kernel_initializer="zeros", name="attention_channels")
    scores = [channels(hidden(pooling(keepdims=True)(x))) for pooling in poolings]
    return _scaled(x, sum(scores[1:], start=scores[0]))


def _scaled(x: keras.KerasTensor, scores: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Multiply()([x, layers.Activation("sigmoid")(scores)])


ATTENTION: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "cbam": cbam,
    "se": squeeze_and_excitation,
}
