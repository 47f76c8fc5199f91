"""The two lists of an answer: what they cite, and whether they agree with themselves."""

from __future__ import annotations

from models.language.motivation import Motivation
from models.language.quality.case import Case
from models.language.quality.words import tokens

LONGEST_MOTIVATION = 24
"""Words of one motivation, at most; twice what the prompt asks for."""
_EMPTY = frozenset(
    ("a", "an", "the", "of", "for", "to", "and", "with", "its", "it", "is", "are", "be", "very", "in", "on")
)
_SHORTEST_PLURAL = 3


def cites_others(case: Case) -> bool:
    """Evidence that is no source of this prompt."""
    shown = {source.source_id for source in case.sources}
    return any(not shown.issuperset(motivation.evidence) for motivation in (*case.active, *case.passive))


def contradicts_itself(case: Case) -> bool:
    """The same motivation for and against, apart from plurals, order and small words; negations count."""
    return not {_key(motivation) for motivation in case.active}.isdisjoint(map(_key, case.passive))


def repeats_itself(case: Case) -> bool:
    """The same motivation twice in one list."""
    return any(len({_key(motivation) for motivation in side}) < len(side) for side in (case.active, case.passive))


def rambles(case: Case) -> bool:
    """A motivation that is no phrase."""
    return any(len(text.split()) > LONGEST_MOTIVATION for text in case.told[1:])


def _key(motivation: Motivation) -> frozenset[str]:
    words = [word.removesuffix("s") if len(word) > _SHORTEST_PLURAL else word for word in tokens(motivation.motivation)]
    return frozenset(words) - _EMPTY or frozenset(words)
