"""The datasets: one file each, found by the registry."""
