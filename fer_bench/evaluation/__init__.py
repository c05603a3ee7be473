"""Pure functions of labels and logits: scores, bootstrap intervals, figures.

May import nothing of fer_bench.
"""
