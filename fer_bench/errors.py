"""The one kind of error that is the user's to mend, what others say in a line, and the rule for names."""

from __future__ import annotations

import re

NAME = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class UserError(Exception):
    """What came, what was expected, what to do, in a line or a few; ends the program with exit code 2."""


def phrase(error: Exception, most: int = 200) -> str:
    """The first `most` letters of what an error says, on one line."""
    return " ".join(str(error).split())[:most]


def check_name(what: str, name: str) -> None:
    """Raise UserError unless a name can be part of a folder's, an experiment's and a command's."""
    if not NAME.fullmatch(name):
        rule = "1 to 64 of a-z, A-Z, 0-9, _, - and ., with neither - nor . at the start"
        raise UserError(f"{what} {name[:70]!r}: expected {rule}; rename it")
