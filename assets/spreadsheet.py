"""Texts in CSV files that people open with a spreadsheet: each is one line, and none is taken for a formula.

Quoting of commas is the CSV writer's; what a file holds belongs to whoever writes it.
"""

from __future__ import annotations

import re
import unicodedata

_FORMULA = re.compile(r"\s*[=@+-]")
_NUMBER = r"(?:[\d.,]+(?:e[+-]?\d+)?|inf|nan)\s?%?"
_SIGNED = re.compile(rf"[+-]{_NUMBER}(?: to [+−-]?{_NUMBER})?", re.IGNORECASE)
"""A number, or an interval."""


def cell_text(text: str) -> str:
    """`text` on one line, with an apostrophe before it where a spreadsheet would compute it; numbers with a sign stay.

    >>> cell_text('=HYPERLINK("http://x")'), cell_text("-0.25"), cell_text("good")
    ('\\'=HYPERLINK("http://x")', '-0.25', 'good')
    """
    line = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    computed = _FORMULA.match(line) and not _SIGNED.fullmatch(line)
    return f"'{line}" if computed else line
