"""Logged runs to a ranked table with intervals, as a data frame and for the terminal.

Reads `storage.records` only, never what is in memory. May import `storage` and `evaluation`.
"""
