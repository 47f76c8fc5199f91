"""Cleaning and cutting of text that strangers wrote, and a rough count of tokens.

Review text and model answers pass through `clean` once, on the way in: what it returns can be stored, joined and shown
without surprises. Markup is left alone here; whoever shows text escapes it for the place where it is shown.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
    "|[\u200c\u200d]{2,}"
)
"""Zero-width, direction-changing, filling, interlinear and tag characters: they hide or reorder what a reader sees, or carry
text that only a model reads. Single joiners stay, as emoji and some scripts need them."""
_SPACE = re.compile(r"\s+")
BYTES_PER_TOKEN = 4.0
"""Rule of thumb with byte-pair encoders: four letters of English, one or two characters of Chinese. No tokenizer is installed,
so every estimate says that it is one."""
CUT = " …"
"""Ends a text that was cut."""


def clean(text: str) -> str:
    """One line: NFC, no control characters, lone surrogates or invisible characters, single spaces.

    >>> clean("good\\x00\\n  tea")
    'good tea'
    """
    if text.isascii() and text.isprintable():  # most text is: only spaces are left to mend
        return _SPACE.sub(" ", text).strip()
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    return _SPACE.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", printable))).strip()


def cut_words(text: str, limit: int) -> str:
    """The first `limit` words; a cut text ends with an ellipsis.

    >>> cut_words("a b c", 2)
    'a b …'
    """
    words = text.split(" ", limit)
    return text if len(words) <= limit else " ".join(words[:limit]) + CUT


def cut_characters(text: str, limit: int) -> str:
    """At most `limit` characters, the ellipsis of a cut text included; for texts that have no words to count.

    >>> cut_characters("abcdef", 5)
    'abc …'
    """
    return text if len(text) <= limit else text[: max(0, limit - len(CUT))].rstrip() + CUT


def estimate_tokens(*texts: str) -> int:
    """Tokens of the texts together, at four bytes of UTF-8 a token, rounded up."""
    return -int(-sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // BYTES_PER_TOKEN)
