"""Two strided convolutions, trained from scratch.

Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR 2015 workshop.
https://arxiv.org/abs/1412.6806
"""

from fer_bench.backbones.base import BACKBONES, Backbone, scale_to_unit


@BACKBONES.register("two_convolutions")
class TwoConvolutions(Backbone):
    """3 k parameters, 32 features."""

    trunk_name = "two_convolutions"
    smallest = 16
    seconds_per_megapixel = 0.1

    def preprocess(self, pixels):
        """To [-1, 1]."""
        return scale_to_unit(pixels)

    def trunk(self, size, weights=None):
        """(B, size, size, 3) to (B, size / 4, size / 4, 32)."""
        import keras
        from keras import layers

        pixels = x = keras.Input((size, size, 3))
        for filters in (16, 32):
            x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
        return keras.Model(pixels, x, name=self.trunk_name)
