"""Pure functions of labels and logits: scores, intervals that know the noise of images and seeds, figures.

May import nothing of fer_bench.
"""
