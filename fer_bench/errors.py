"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """What came, what was expected, what to do, in a line or a few; ends the program with exit code 2."""
