"""Numbers as the page writes them: shares in percent with one decimal, differences in points with a sign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

MINUS = "\N{MINUS SIGN}"


def present(value: Any) -> bool:
    """Whether there is a value: neither None nor NaN nor NA."""
    return not pd.isna(value)


def percent(share: Any) -> str:
    """A share as percent with one decimal, such as 61.4; "" where there is none."""
    return _decimal(100 * share, ".1f") if present(share) else ""


def points(difference: Any) -> str:
    """A difference of shares in points, with its sign: +0.6, 0.0, −2.4; "" where there is none."""
    return _decimal(100 * difference, "+.1f") if present(difference) else ""


def interval(low: Any, high: Any, form: Any = percent) -> str:
    """Both ends of an interval in brackets; "" where there is none."""
    return f"[{form(low)}, {form(high)}]" if present(low) and present(high) else ""


def count(number: Any) -> str:
    """A whole number with separators of thousands; "" where there is none."""
    return f"{round(number):,}" if present(number) else ""


def decimal(number: Any) -> str:
    """Any other number with three significant digits; "" where there is none."""
    if not present(number):
        return ""
    return count(number) if abs(number) >= 1000 else f"{number:.3g}".replace("-", MINUS)


def word(value: Any) -> str:
    """A word as it is; "" where there is none."""
    return str(value) if present(value) else ""


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence, each as code: `a`, `b` and `c`; of many the first, and how many others."""
    shown = [f"`{name}`" for name in names[:most]]
    if len(names) > most:
        shown = [*shown[: most - 1], f"{len(names) - most + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def rounded(value: Any, scale: float = 1.0) -> Any:
    """A value for JSON: numbers times `scale` with six significant digits, None where there is none."""
    if not present(value):
        return None
    if isinstance(value, str | bool):
        return value
    number = float(value) * scale
    return int(number) if number.is_integer() and math.isfinite(number) else float(f"{number:.6g}")


def _decimal(number: float, form: str) -> str:
    text = format(number, form)
    if float(text) == 0:  # neither +0.0 nor -0.0
        text = text.lstrip("+-")
    return text.replace("-", MINUS)
