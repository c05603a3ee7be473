"""Datasets, one file each, found by the registry.

A plug-in says where images and labels come from. May import `data`.
"""
