"""One trial: net, compiled step, augmentation, loss, sampling, callbacks.

The only package that imports Keras at module level (`inference.export` and `inference.self_contained`, which
rebuild nets, are loaded by one command alone). May import `study.recipe`, `data`, `strategies`, `backbones`
and `evaluation`; never `storage` or `runner`.
"""
