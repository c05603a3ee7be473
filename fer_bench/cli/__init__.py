"""The commands of `fer-bench`, one module per group, and all that is printed.

A command parses its options, calls one function below and shows the result. May import every package; nothing
imports it; nothing heavy is imported before a command runs.
"""
