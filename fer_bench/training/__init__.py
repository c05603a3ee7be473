"""One trial: net, compiled step, augmentation, loss, sampling, callbacks.

The only package that imports Keras at module level (`inference.export`, which rebuilds nets, is loaded by one
command alone). May import `study.recipe`, `data`, `strategies`, `backbones` and `evaluation`; never `storage`
or `runner`.
"""
