"""CCT-7/3x3: a compact transformer whose tokens come from three convolutions, trained from scratch.

Hassani et al., Escaping the Big Data Paradigm with Compact Transformers, 2021. https://arxiv.org/abs/2104.05704
Each convolution with its pooling halves the image: one token for each 8 x 8 pixels, 36 at 48 pixels, 144 at
96. Sequence pooling weights the tokens, so that their average over the map is the paper's weighted sum. In
training, residual branches are dropped at random, up to one in ten (stochastic depth), and frozen layers keep
all of theirs; the paper's dropout on attention weights is left out.

Without a warm-up Adam needs a rate of about 3e-4: with the recipe's default, 1e-3, it hardly learns (31 %
right after 8 epochs on 700 drawn faces of 48 pixels, instead of 75 %).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit

if TYPE_CHECKING:
    from keras import KerasTensor, Model

FILTERS = (64, 128, 256)  # of the convolutions; the last are the width of a token
BLOCKS, HEADS, WIDENING = 7, 4, 2
DROPPED = 0.1  # share of the last block's branches
POSITION = 0.2  # standard deviation of the embedding of places at the start


@BACKBONES.register("cct")
class CCT(Backbone):
    """4.1 M parameters, 256 features; has no pretrained weights."""

    trunk_name = "cct"
    smallest = 16
    seconds_per_megapixel = 3.1

    def preprocess(self, pixels: KerasTensor) -> KerasTensor:
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size: int, weights: str | None = None) -> Model:
        """Convolutions, embedding of places, encoder blocks, sequence pooling, in Keras' own layers."""
        import keras
        from keras import layers

        pixels = x = keras.Input((size, size, 3))
        for filters in FILTERS:
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, activation="relu")(x)
            x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        _, height, width, depth = x.shape
        x = _with_places(layers.Reshape((height * width, depth))(x))
        for block in range(BLOCKS):
            x = _block(x, DROPPED * block / (BLOCKS - 1))
        x = _weighted(layers.LayerNormalization(epsilon=1e-5)(x))
        return keras.Model(pixels, layers.Reshape((height, width, depth))(x), name=self.trunk_name)


def _with_places(x: KerasTensor) -> KerasTensor:
    """Tokens (B, n, d), plus a learnt vector for each place.

    A dense layer of a constant is a table; it is Keras' own, and its kernel is drawn like any other.
    """
    from keras import layers, ops

    _, places, depth = x.shape
    constant = ops.ones_like(x[:, 0, :1]) * (POSITION / 2**0.5)  # kernels of one input have variance 2
    table = layers.Dense(places * depth, use_bias=False, name="places")(constant)
    return x + layers.Reshape((places, depth))(table)


def _block(x: KerasTensor, dropped: float) -> KerasTensor:
    """An encoder block: attention, then two dense layers, each on normalised tokens and added to them."""
    from keras import layers

    def added(x: KerasTensor, branch: KerasTensor) -> KerasTensor:
        return x + (layers.Dropout(dropped, noise_shape=(None, 1, 1))(branch) if dropped else branch)

    x = added(x, _attention(layers.LayerNormalization(epsilon=1e-5)(x)))
    y = layers.Dense(WIDENING * x.shape[-1], activation="gelu")(layers.LayerNormalization(epsilon=1e-5)(x))
    return added(x, layers.Dense(x.shape[-1])(y))


def _attention(x: KerasTensor) -> KerasTensor:
    """Self-attention of tokens (B, n, d) with HEADS heads."""
    from keras import layers, ops

    _, places, depth = x.shape
    query, key, value = (
        layers.Reshape((places, HEADS, depth // HEADS))(layers.Dense(depth, use_bias=False)(x))
        for _ in range(3)
    )
    mixed = ops.dot_product_attention(query, key, value)
    return layers.Dense(depth)(layers.Reshape((places, depth))(mixed))


def _weighted(x: KerasTensor) -> KerasTensor:
    """Tokens (B, n, d), each times its share of attention and n, so that they average to the shares' sum."""
    from keras import layers

    shares = layers.Softmax(axis=1)(layers.Dense(1)(x))
    return layers.Multiply()([x, layers.Rescaling(float(x.shape[1]))(shares)])
