"""Which of a user's motivations meets which of an item's: overlap of words, rare words counting more.

A quick, model-free match of short phrases, for the sentence beside a recommendation; it takes no part in any score. The
match of whole texts that training saw is the cosine of the stored vectors (`explain.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]{3,}")
_FILLERS = frozenset(
    _WORD.findall(
        "and are but for from has have into its not than that the their them they this was were who will with you your very "
        "really just like also more most much want wants liking looking user item any some thing something pretty"
    )
)
_VERDICTS = frozenset(
    _WORD.findall(
        "good great nice love loved best better excellent perfect awesome amazing wonderful fantastic bad fine well worth "
        "recommend happy pleased satisfied product buy bought purchase purchased"
    )
)
"""Words that say that somebody was pleased, not with what: two people who both say "good" share no motive."""


@dataclass(frozen=True)
class Match:
    """One motivation of the user beside the closest one of the item."""

    user: str
    item: str
    similarity: float
    """Cosine of the weighted word counts, 0 (no word in common) to 1."""


def words(phrase: str) -> list[str]:
    """Lower-case content words without verdicts, plural `s` removed."""
    found = (word.lower() for word in _WORD.findall(phrase))
    kept = (word for word in found if word not in _FILLERS and word not in _VERDICTS)
    return [word[:-1] if word.endswith("s") and len(word) > 4 else word for word in kept]


def rarity(phrases: Iterable[str]) -> dict[str, float]:
    """Weight of each word: ln(1 + phrases / phrases with it), so that what everybody says decides little."""
    phrases = list(phrases)
    counts = Counter(word for phrase in phrases for word in set(words(phrase)))
    return {word: math.log1p(len(phrases) / count) for word, count in counts.items()}


def best_matches(user: Sequence[str], item: Sequence[str], weights: Mapping[str, float], limit: int = 3) -> list[Match]:
    """The closest pairs, best first, each phrase at most once; pairs without a word in common are left out."""
    pairs = [Match(one, other, similarity(one, other, weights)) for one in user for other in item]
    chosen: list[Match] = []
    for pair in sorted(pairs, key=lambda pair: -pair.similarity):
        if pair.similarity <= 0.0 or len(chosen) == limit:
            break
        if all(pair.user != other.user and pair.item != other.item for other in chosen):
            chosen.append(pair)
    return chosen


def similarity(one: str, other: str, weights: Mapping[str, float]) -> float:
    """Cosine of two phrases as weighted bags of words; words without a weight count 1."""
    left, right = _bag(one, weights), _bag(other, weights)
    shared = sum(value * right.get(word, 0.0) for word, value in left.items())
    lengths = math.sqrt(sum(v * v for v in left.values()) * sum(v * v for v in right.values()))
    return shared / lengths if lengths else 0.0


def _bag(phrase: str, weights: Mapping[str, float]) -> dict[str, float]:
    return {word: count * weights.get(word, 1.0) for word, count in Counter(words(phrase)).items()}
