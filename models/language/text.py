"""Cleaning and cutting of text that strangers wrote, and a rough count of tokens.

Review text and model answers pass through `clean` once, on the way in: what it returns can be stored, joined and shown
without surprises. Markup is left alone here; whoever shows text escapes it for the place where it is shown.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\uffff]")
"""Zero-width, direction-changing and interlinear characters: they hide or reorder what a reader sees. The zero-width
joiner stays, as emoji and some scripts need it."""
_SPACE = re.compile(r"\s+")
CHARACTERS_PER_TOKEN = 4.0
"""Rule of thumb for English with byte-pair encoders; no tokenizer is installed, so every estimate says that it is one."""


def clean(text: str) -> str:
    """One line: NFC, no control, lone surrogate, zero-width or direction-changing characters, single spaces.

    >>> clean("good\\x00\\n  tea")
    'good tea'
    """
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    return _SPACE.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", printable))).strip()


def cut_words(text: str, limit: int) -> str:
    """The first `limit` words; a cut text ends with an ellipsis.

    >>> cut_words("a b c", 2)
    'a b …'
    """
    words = text.split(" ", limit)
    return text if len(words) <= limit else " ".join(words[:limit]) + " …"


def estimate_tokens(*texts: str) -> int:
    """Tokens of the texts together, at four characters a token, rounded up."""
    return -int(-sum(len(text) for text in texts) // CHARACTERS_PER_TOKEN)
