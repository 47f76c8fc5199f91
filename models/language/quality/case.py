"""What the rules of this folder look at: one answer beside the prompt that it answers.

A rule is a name, a complaint, and a question about a case with yes or no as its answer; how it finds out is its module's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from models.language.chat import ChatRequest, Source
from models.language.motivation import Motivation, MotivationAnswer
from models.language.quality.words import stem, tokens

Origin = Literal["written", "extracted", "imported"]
"""Who made the text: a language model, the extractive model (whose sentences are the sources' own), or somebody before us."""
EVERYBODY: tuple[Origin, ...] = ("written", "extracted", "imported")
_FENCE = re.compile(r"={3,}([0-9a-f]{16})")
_CATALOGUE = ("title", "categories", "description")


@dataclass(frozen=True)
class Case:
    """An answer, what it was asked from, and the ids that it must not name."""

    summary: str
    active: tuple[Motivation, ...] = ()
    passive: tuple[Motivation, ...] = ()
    reasoning: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    """What the prompt showed; empty where nobody knows (imported texts)."""
    instructions: str = ""
    fence: str | None = None
    """The nonce of the prompt's fence."""
    origin: Origin = "written"
    ids: frozenset[str] = field(default=frozenset(), repr=False)
    """Ids of the dataset's users and items that cannot be taken for words; see `identifiers.telling_ids`."""

    @classmethod
    def of(cls, request: ChatRequest, answer: MotivationAnswer, origin: Origin, ids: frozenset[str]) -> Case:
        """An answer beside its prompt."""
        parts = answer.summary, answer.active, answer.passive, answer.reasoning
        return cls.of_parts(request, *parts, origin, ids)

    @classmethod
    def of_parts(
        cls,
        request: ChatRequest | None,
        summary: str,
        active: tuple[Motivation, ...],
        passive: tuple[Motivation, ...],
        reasoning: tuple[str, ...],
        origin: Origin,
        ids: frozenset[str],
    ) -> Case:
        """The same from a stored row, whose prompt may not be known."""
        if request is None:
            return cls(summary, active, passive, reasoning, origin=origin, ids=ids)
        found = _FENCE.search(request.user)
        fence = found.group(1) if found else None
        return cls(summary, active, passive, reasoning, request.sources, request.system, fence, origin, ids)

    @cached_property
    def told(self) -> tuple[str, ...]:
        """The summary and every motivation: what people see and what becomes a vector."""
        return (self.summary, *(motivation.motivation for motivation in (*self.active, *self.passive)))

    @cached_property
    def everything(self) -> str:
        """All text of the answer, the steps of its reasoning too."""
        return "\n".join((*self.told, *self.reasoning))

    @cached_property
    def shown(self) -> str:
        """All text of the sources."""
        return "\n".join(source.text for source in self.sources)

    @cached_property
    def shown_words(self) -> list[str]:
        """The words of the sources."""
        return tokens(self.shown)

    @cached_property
    def shown_stems(self) -> set[str]:
        """Their stems."""
        return set(map(stem, self.shown_words))

    @cached_property
    def catalogue(self) -> str:
        """What the publisher says, in lower case: names in it are public."""
        return "\n".join(source.text for source in self.sources if source.kind in _CATALOGUE).lower()


@dataclass(frozen=True)
class Rule:
    """One law of answers."""

    name: str
    complaint: str
    """What a model is told that broke it; quotes neither sources nor answer."""
    broken: Callable[[Case], bool]
    hard: bool = True
    """True where a row that breaks it must not be published; the others are asked for again, and counted."""
    origins: tuple[Origin, ...] = EVERYBODY
    """Whose texts it holds for."""
    needs_ids: bool = False
    """True where only somebody who knows the dataset's ids can tell."""
