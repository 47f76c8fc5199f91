"""Words as the rules of this folder compare them: tokens, content words, stems.

A light stemmer on purpose: it joins "relaxing", "relaxed" and "relaxation", and where it joins too much a rule becomes more
lenient, never stricter. English only; which language a text is in is `english.py`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SUFFIXES = (
    *(
        "ization",
        "isation",
        "fulness",
        "ousness",
        "iveness",
        "ational",
        "ations",
        "ation",
        "ments",
        "ment",
        "nesses",
        "ness",
    ),
    *(
        "ively",
        "ingly",
        "edly",
        "ably",
        "ibly",
        "ities",
        "ity",
        "able",
        "ible",
        "ally",
        "ful",
        "ous",
        "ive",
        "ance",
        "ence",
    ),
    *(
        "ings",
        "ing",
        "ions",
        "ion",
        "ied",
        "ies",
        "ier",
        "iest",
        "ers",
        "ors",
        "est",
        "ed",
        "es",
        "er",
        "or",
        "ly",
        "al",
    ),
    *("ic", "y", "e", "s"),
)
_SHORTEST_STEM = 3
_PASSES = 3

_FOLDER = Path(__file__).with_name("vocabulary")


def vocabulary(name: str) -> str:
    """A file of `vocabulary/`."""
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


FUNCTION_WORDS = frozenset(vocabulary("function_words").split())
"""English words that carry no motive."""
TELLING_WORDS = frozenset(vocabulary("telling_words").split())
"""Words in which any motivation is told, whatever it is about: they say nothing that a source could support."""


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers in their order; accents folded, possessive 's taken off.

    >>> tokens("Beyoncé's 2 CDs")
    ['beyonce', '2', 'cds']
    """
    return [word.replace("’", "'").removesuffix("'s").replace("'", "") for word in _TOKEN.findall(fold(text))]


def fold(text: str) -> str:
    """Lower case, without accents and compatibility forms."""
    if text.isascii():  # most text is, and has nothing to take apart
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The word without its endings.

    >>> stem("relaxing") == stem("relaxation") == stem("relaxed")
    True
    """
    for _ in range(_PASSES):
        ending = next((s for s in _SUFFIXES if word.endswith(s) and len(word) - len(s) >= _SHORTEST_STEM), None)
        if ending is None:
            break
        word = word[: -len(ending)]
        if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
            word = word[:-1]
    return word[:-1] + "i" if len(word) > _SHORTEST_STEM and word.endswith("y") else word


def content_words(text: str) -> list[str]:
    """The words of a text that say what it is about, in their order: no function words, no words of telling, no numbers."""
    return [
        word
        for word in tokens(text)
        if len(word) > 2 and not word.isdigit() and word not in FUNCTION_WORDS and word not in TELLING_WORDS
    ]
