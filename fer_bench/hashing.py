"""Hashes and seeds that depend on nothing but the values they are computed from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def digest(content: object) -> str:
    """First 16 hex digits of the SHA-256 of plain data (what JSON can hold), keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex digits; raises OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_digest(content: bytes) -> str:
    """SHA-256 of bytes, in hex digits."""
    return hashlib.sha256(content).hexdigest()


def derive_seed(*parts: str | int) -> int:
    """Seed in [0, 2^31) from the hash of these words and numbers; the same on every machine."""
    return int(hashlib.sha256(json.dumps(parts).encode()).hexdigest(), 16) % 2**31
