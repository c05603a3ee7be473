"""Pydantic's errors in plain English: what was expected of a value, and what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_bench.study.strict import Strict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

EXPECTED = {  # by pydantic's type of error, whose own words speak of Python
    "missing": "is missing",
    "too_short": "expected at least one",
    "tuple_type": "expected a list, as in [a, b]",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "expected keys and values"),
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "expected a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "expected a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "expected true or false"),
    "string_type": "expected a word",
    "finite_number": "expected a finite number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "literal_error": "expected {expected}",
}


def explain(detail: ErrorDetails) -> str:
    """What was expected of a value, and what it was, from one of pydantic's errors."""
    kind, value = detail["type"], detail["input"]
    message = detail["msg"].removeprefix("Value error, ")
    if kind in EXPECTED:
        message = EXPECTED[kind].format(**detail.get("ctx", {})).replace("'", "")
    if kind == "int_type" and isinstance(value, str) and value.isdecimal():
        message += " without quotes"
    if kind in ("missing", "too_short") or (kind == "value_error" and isinstance(value, (dict, Strict))):
        return message
    try:
        return f"{message}, got {'nothing' if value is None else repr(value)[:60]}"
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"{message}, got thousands of digits"
