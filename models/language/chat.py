"""Chat models behind one small interface: requests in, typed outcomes out, joined by id and never by position.

`chat_model` chooses; a further backend is one module and one branch there. What a prompt says belongs to
`assets/motivations`, what an answer must look like to `motivation.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from models.language.motivation import MotivationAnswer

Entity = Literal["user", "item"]


@dataclass(frozen=True)
class Source:
    """One piece of text that a prompt shows."""

    source_id: str
    """What evidence cites; several pieces may share one (title, summary and review of one item)."""
    kind: str
    """`title`, `categories`, `description`, `summary` or `review`; reviews are the entity's own words."""
    text: str


@dataclass(frozen=True)
class ChatRequest:
    """One question about one user or item."""

    id: str
    entity: Entity
    system: str
    user: str
    """The rendered message: instructions and the fenced sources."""
    sources: tuple[Source, ...]
    """The same sources once more, for models that read no prompts."""
    max_words: int
    """Words of the summary, at most."""
    prompt_version: str


@dataclass(frozen=True)
class Usage:
    """What answering took; zero where the answer was already at hand."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
            self.calls + other.calls,
        )


@dataclass(frozen=True)
class Answered:
    """A valid answer."""

    id: str
    answer: MotivationAnswer
    usage: Usage = field(default=Usage())
    cached: bool = False
    """True where it was paid for earlier."""
    blemishes: tuple[str, ...] | None = None
    """The soft laws that it breaks, where all but `quality.LAWS_OF_IDS` were asked about it; None where nobody asked."""


@dataclass(frozen=True)
class Unanswered:
    """No valid answer, and why."""

    id: str
    reason: str
    retryable: bool = False
    """True where asking again later may help (the endpoint was down), False where it would not (a refusal)."""
    usage: Usage = field(default=Usage())
    final: bool = False
    """True where the same request would come to the same end: it is remembered and not paid again."""


Outcome = Answered | Unanswered


@dataclass(frozen=True)
class Expense:
    """What asking would take; tokens and dollars are estimates."""

    calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """None where the price of the model is not known."""


class ChatModel(Protocol):
    """Answers requests. Everything answered before an exception is kept and costs nothing the next time."""

    provenance: str
    """How its answers are marked, such as `extractive` or `openai:gpt-4o-mini`."""

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        """One outcome for each request, in their order; requests are drawn as they are needed.

        Raises:
            LmmrecError: nothing more can be answered (no key, no credit, budget reached).
        """
        ...

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        """What those would take that no answer is at hand for; equal ones count once."""
        ...


@dataclass(frozen=True)
class ChatConfig:
    """Which chat model, and how it may be called."""

    kind: Literal["extractive", "openai", "openai-batch"] = "extractive"
    model: str = "gpt-4o-mini"
    base_url: str | None = None
    concurrency: int = 16
    """Requests in flight at once, at most; what the endpoint sustains is found out."""
    timeout_s: float = 120.0
    """Of one attempt."""
    row_tokens: int = 20_000
    """Tokens that one user or item may cost, re-asks included."""
    ask_again: bool = False
    """Ask what earlier runs gave up for good, too."""
    batch_poll_s: float = 30.0
    """First distance between two looks at a batch; looks become rarer, up to twenty times this."""
    budget_usd: float | None = None
    """Stop before the ledger of this home holds more than this; None means no bound."""
    store: Path = Path("llm.sqlite")
    """Answers and attempts."""
