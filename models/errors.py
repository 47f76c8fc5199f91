"""The one error that a user is meant to read.

Every room raises `LmmrecError` for what the user can mend: bad input, a missing file, settings that do not fit together.
Its text is one sentence with the value, the place and the remedy. Anything else that escapes is a bug of ours.
"""


class LmmrecError(Exception):
    """A failure that the user can mend; `str(error)` is shown as it is, without a traceback."""
