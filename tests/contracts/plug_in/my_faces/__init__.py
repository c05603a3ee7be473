"""A strategy, a backbone and a dataset for fer-bench, each in a file of its own."""
