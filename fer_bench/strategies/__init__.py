"""Answers to class imbalance, one file each."""
