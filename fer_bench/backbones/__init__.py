"""Backbones, one file each: from pixels to features; and where their pretrained weights come from.

May import `registry` and `errors`.
"""
