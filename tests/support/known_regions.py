"""Drawn faces whose class is decided in one half of the picture, and nets that learnt it."""

import numpy as np

from fer_bench.datasets.synthetic import CLASSES, draw

BORDER = 26  # row between eyes and mouth
HALVES = {"upper": slice(0, BORDER), "lower": slice(BORDER, 48)}


def half_surprised(count: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Calm faces (n, 48, 48, 1) uint8, of which each half is surprised or not, and which are: (n,) int."""
    calm, surprised = (
        draw(np.full(count, CLASSES.index(name)), np.random.RandomState(seed))  # the same people
        for name in ("neutral", "surprise")
    )
    rng = np.random.default_rng(seed)
    faces, labels = calm.copy(), {}
    for half, rows in HALVES.items():
        labels[half] = rng.integers(0, 2, count)
        moved = labels[half] == 1
        faces[moved, rows] = surprised[moved, rows]
    return faces, labels


def learnt_halves(images: int = 300, epochs: int = 8) -> dict:
    """For each half a Keras model, as `export` makes it, that tells whether this half is surprised."""
    import keras

    from fer_bench.backbones.base import BACKBONES
    from fer_bench.inference.self_contained import plain, self_contained
    from fer_bench.study.recipe import Recipe
    from fer_bench.training.net import Net

    net = Net(BACKBONES["compact_cnn"](), Recipe(image_size=48, weights="none"), 1, 2, None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.whole.compile(keras.optimizers.Adam(4e-3), loss, jit_compile=False)
    net.whole.optimizer.build(net.whole.trainable_variables)  # or the step would be traced twice
    faces, labels = half_surprised(images, seed=0)
    orders = [np.random.default_rng(epoch).permutation(images) for epoch in range(epochs)]
    order = np.concatenate(orders)[: images * epochs // 20 * 20]
    models = {}
    for half in HALVES:
        net.reset(1)
        for variable in net.whole.optimizer.variables:
            if variable.name != "learning_rate":
                variable.assign(keras.ops.zeros_like(variable))
        batches = {"x": faces[order].astype("float32"), "y": labels[half][order], "batch_size": 20}
        net.whole.fit(**batches, shuffle=False, verbose=0)
        one = np.ones(2), np.zeros(2)
        models[half] = self_contained(plain(net.whole), (48, 48, 1), ("calm", "surprised"), *one)
    return models
