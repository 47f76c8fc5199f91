"""Answers that are no answers: the instructions once more, or a review word by word.

Compared by runs of words: short ones happen by chance, long ones do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from models.language.quality.case import Case
from models.language.quality.words import tokens

RUN_OF_PROMPT = 8
"""Words in a row that an answer may not share with the instructions."""
RUN_OF_REVIEW = 30
"""Words in a row that an answer may not share with one review: it would publish what somebody wrote as it stands."""


def copies_the_prompt(case: Case) -> bool:
    """A run of the instructions stands in the answer."""
    forbidden = _prompt_runs(case.instructions)
    return any(run in forbidden for text in case.told for run in _runs(tokens(text), RUN_OF_PROMPT))


def copies_a_review(case: Case) -> bool:
    """A long run of one review stands in the answer."""
    said = {run for text in case.told for run in _runs(tokens(text), RUN_OF_REVIEW)}
    if not said:
        return False
    reviews = (source.text for source in case.sources if source.kind == "review")
    return any(run in said for review in reviews for run in _runs(tokens(review), RUN_OF_REVIEW))


def _runs(words: Sequence[str], length: int) -> Iterable[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


@lru_cache(maxsize=8)
def _prompt_runs(instructions: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_runs(tokens(instructions), RUN_OF_PROMPT))
