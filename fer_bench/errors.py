"""The one kind of error that a user can mend, errors as one line, and the rule for names."""

from __future__ import annotations

import re

NAME = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class UserError(Exception):
    """Says what was received, what was expected and what to do; ends the program with exit code 2."""


def phrase(error: Exception, most: int = 200) -> str:
    """An error's message on one line, its first `most` characters."""
    return " ".join(str(error).split())[:most]


def check_name(what: str, name: str) -> None:
    """Raise UserError for a name that a file, an MLflow experiment or a command line can't hold."""
    if not NAME.fullmatch(name):
        rule = "1 to 64 of a-z, A-Z, 0-9, _, - and ., with neither - nor . at the start"
        raise UserError(f"{what} {name[:70]!r}: expected {rule}; rename it")
