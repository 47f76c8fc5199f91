"""What one attempt to get an answer came to: five outcomes, and nothing in between.

Whoever judges (an error in `retry.py`, a reply in the callers) returns one of them; `gateway.py` acts on it and writes its
name into the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ok(Generic[Value]):
    """A valid answer."""

    value: Value
    keep: str | None = None
    """The raw answer for the store, where the caller keeps answers there."""


@dataclass(frozen=True)
class Retry:
    """The same request may succeed later."""

    reason: str
    """In words, free of secrets and of review text; so are all reasons here."""
    status: int | None = None
    wait_s: float | None = None
    """What the endpoint asked for; None leaves it to the backoff."""

    @property
    def too_many(self) -> bool:
        """The endpoint holds as many requests as it wants to: fewer at once would have passed."""
        return self.status in (429, 529)


@dataclass(frozen=True)
class Reask:
    """An answer came that cannot be used: the request is changed and asked again."""

    complaint: str
    """What is wrong, in words that a model can act on."""
    cut: bool = False
    """True where the answer ended for want of room."""


@dataclass(frozen=True)
class Quarantine:
    """This request gets no answer, and asking again would not help; the others go on."""

    reason: str
    status: int | None = None
    parameter: str | None = None
    """The part of the request that the endpoint says it refuses, where it says so."""


@dataclass(frozen=True)
class Abort:
    """No request can succeed: the run stops."""

    reason: str
    status: int | None = None


Failure = Retry | Quarantine | Abort
Verdict = Ok[Value] | Reask | Failure
