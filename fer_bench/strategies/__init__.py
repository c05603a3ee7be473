"""Answers to class imbalance, one file each: data about sampling, loss and logits.

May import `search_space` and `registry`.
"""
