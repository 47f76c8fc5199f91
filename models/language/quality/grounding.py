"""Does an answer keep to its sources? Lexical: words by their stems, names and figures as they stand.

Models put things in their own words, so few of the words need support; a name or a figure needs it always. The bounds were
set on real texts written by language models (tests/models/language/test_quality_real_data.py holds their false alarms).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from models.language.quality.case import Case
from models.language.quality.words import FUNCTION_WORDS, TELLING_WORDS, content_words, stem, tokens, vocabulary

LEAST_SUPPORT = 0.3
"""Share of an answer's content words that the sources must hold."""
FEWEST_WORDS = 6
"""Content words below which a share says nothing."""
_FEW_NAMES = 3
"""So many capitalised words are names even where fewer others stand beside them, but not where none does."""
_SHORTEST_NAME = 4
_SENTENCE_END = re.compile(r"(?<=[.!?:;…])[\"'”’)]*\s+|\n")
_NAME = re.compile(r"(?<!\w)[^\W\d_][\w'’.&-]*")
_MEASURE = re.compile(
    r"[$€£¥₹]\s?(\d[\d.,]*)|(?<![\w.,])(\d[\d.,]*)[\s-]?(?:%|percent\b|[kmgt]i?b\b|[kcm]?m\b|[km]?g\b|mah\b|ml\b|lbs?\b|oz\b|inch(?:es)?\b"
    r"|watts?\b|volts?\b|[km]?hz\b|hours?\b|minutes?\b|days?\b|weeks?\b|months?\b|years?\b|miles?\b|dollars?\b|euros?\b|stars?\b"
    r"|pages?\b|pieces?\b|people\b|times\b|cups?\b|megapixels?\b)",
    re.IGNORECASE,
)
_SPELT = {
    **{
        "one": "1",
        "two": "2",
        "three": "3",
        "four": "4",
        "five": "5",
        "six": "6",
        "seven": "7",
        "eight": "8",
        "nine": "9",
    },
    **{"ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "fifty": "50", "hundred": "100"},
}
_KNOWN_TO_ALL = frozenset(vocabulary("names_known_to_all").split())
"""Capitalised words that need no source: peoples, regions, languages, months, days, feasts, everyday techniques."""


def strays_from_the_sources(case: Case) -> bool:
    """Too few of the content words have support; always False where nothing was shown."""
    return bool(case.sources) and len(_said(case)) >= FEWEST_WORDS and support_of(case) < LEAST_SUPPORT


def support_of(case: Case) -> float:
    """Share of an answer's content words that its sources hold, in whatever form; 1 where it has none."""
    said = _said(case)
    return len(said & case.shown_stems) / len(said) if said else 1.0


def _said(case: Case) -> set[str]:
    return {stem(word) for text in case.told for word in content_words(text)}


def invents_a_name(case: Case) -> bool:
    """A capitalised word within a sentence that no source holds, in whatever spelling."""
    if not case.sources:
        return False
    names = {word for text in case.told for name in _names(text) for word in tokens(name)}
    unknown = {word for word in names if not _needs_no_source(word)}
    if not unknown:
        return False
    held = case.shown_stems
    missing = [word for word in unknown if stem(word) not in held and _SPELT.get(word) not in held]
    return bool(missing) and not all(_stands_in(word, case.shown_words) for word in missing)


def invents_a_measure(case: Case) -> bool:
    """A figure with its unit that no source holds, in digits or in words."""
    if not case.sources:
        return False
    figures = {_plain(figure) for text in case.told for found in _MEASURE.findall(text) for figure in found if figure}
    if not figures:
        return False
    held = {_plain(figure) for figure in re.findall(r"\d[\d.,]*", case.shown)}
    held |= {_SPELT[word] for word in case.shown_words if word in _SPELT}
    return not figures <= held


def _names(text: str) -> Iterator[str]:
    """Capitalised words that do not begin a sentence; none of a text whose words are mostly capitalised, as in a heading."""
    capitalised, others = [], 0
    for sentence in _SENTENCE_END.split(text):
        words = _NAME.findall(sentence)
        capitalised += [word for word in words[1:] if word[0].isupper()]
        others += sum(len(word) > 2 and word.islower() and word not in FUNCTION_WORDS for word in words)
    if len(capitalised) <= max(others, min(others, 1) * _FEW_NAMES):
        yield from capitalised


def _stands_in(word: str, shown: Sequence[str]) -> bool:
    """Whether a name stands in the sources in another form: written apart or together, or with an ending."""
    return len(word) >= _SHORTEST_NAME and (
        word in "".join(shown) or any(len(other) > _SHORTEST_NAME and word.startswith(other) for other in shown)
    )


def _needs_no_source(word: str) -> bool:
    return len(word) <= 2 or word in _KNOWN_TO_ALL or word in FUNCTION_WORDS or word in TELLING_WORDS


def _plain(figure: str) -> str:
    """A figure without separators of thousands and empty decimals."""
    whole = re.sub(r"[.,](?=\d{3}\b)", "", figure.rstrip(".,"))
    return re.sub(r"[.,]0+$", "", whole).replace(",", ".").lstrip("0") or "0"
