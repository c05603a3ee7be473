"""Hashes and seeds that depend on nothing but what they are made of."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(content: Any) -> str:
    """First 16 hex digits of the SHA-256 of plain data, keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def derive_seed(*parts: str | int) -> int:
    """Seed in [0, 2^31) that belongs to exactly these words and numbers."""
    return int(hashlib.sha256(json.dumps(parts).encode()).hexdigest(), 16) % 2**31
