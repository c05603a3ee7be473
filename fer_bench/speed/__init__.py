"""Measurements of speed and memory, each figure beside what it is compared with."""
