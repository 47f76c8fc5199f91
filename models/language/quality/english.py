"""Is a text in English? Decided by its script and by the commonest words of each language; nothing is loaded.

Positive evidence is needed: a list of names, or a text too short to tell, passes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from models.language.quality.case import Case
from models.language.quality.words import FUNCTION_WORDS, tokens, vocabulary

FEWEST_WORDS = 6
"""Below this nothing is said about a text in Latin letters."""
MOST_FOREIGN_LETTERS = 0.4
"""Share of letters that are not Latin, above which no English reader could read it; titles may be foreign."""
_FEWEST_MARKS = 3
_MARKS = {
    language: frozenset(words.split()) - FUNCTION_WORDS
    for language, words in (line.split(": ") for line in vocabulary("other_languages").splitlines())
}
"""Language -> its commonest words that are no English ones, without accents."""
_ALL_MARKS = frozenset().union(*_MARKS.values())


def is_foreign(case: Case) -> bool:
    """The summary, or the motivations taken together, are not in English."""
    return not reads_as_english(case.summary) or not reads_as_english(". ".join(case.told[1:]))


def reads_as_english(text: str) -> bool:
    """False where letters or common words say that a text is in another language.

    >>> reads_as_english("A quiet motor for small kitchens."), reads_as_english("Der Motor ist leise und nicht zu teuer.")
    (True, False)
    """
    letters = [] if text.isascii() else [char for char in text if char.isalpha()]
    foreign = sum(
        not unicodedata.name(char, "").startswith(("LATIN", "FULLWIDTH LATIN", "MODIFIER")) for char in letters
    )
    if letters and foreign > MOST_FOREIGN_LETTERS * len(letters):
        return False
    words = tokens(text)
    return len(words) < FEWEST_WORDS or not _foreign_words(words)


def _foreign_words(words: Sequence[str]) -> bool:
    marked = [word for word in words if len(word) > 1 and word in _ALL_MARKS]
    if len(marked) < _FEWEST_MARKS:
        return False
    english = sum(word in FUNCTION_WORDS for word in words)
    best = max(sum(word in marks for word in marked) for marks in _MARKS.values())
    return best >= _FEWEST_MARKS and best > 1.5 * english and best > 0.12 * len(words)
