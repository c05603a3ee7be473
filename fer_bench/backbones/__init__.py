"""Backbones, one file each: from pixels to features."""
