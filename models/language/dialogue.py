"""One question on its way to an outcome: how it is put next, and when asking again is over.

Knows nothing of how a question is sent (batches wait hours between two turns, and survive the process meanwhile): whoever
sends says what came of it. What one attempt can come to is `verdict.py`, which forms there are `dialect.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from models.language.chat import Answered, Outcome, Unanswered, Usage
from models.language.dialect import Dialect, Form
from models.language.questions import MAX_REASKS, Question
from models.language.verdict import Ok, Quarantine, Reask, Retry


@dataclass(frozen=True)
class Turn:
    """How a question is put: everything that may change between two attempts."""

    form: Form
    complaint: str = ""
    """What was wrong with the last answer."""
    longer: bool = False
    """There is twice the room for the answer."""
    reasks: int = 0
    """Answers that could not be used, so far."""
    retries: int = 0
    """Attempts that came to no answer at all, so far."""


@dataclass
class Dialogue:
    """A question, its next turn, and what it took so far."""

    question: Question
    turn: Turn
    max_retries: int
    """Attempts without an answer after which the question is left for another run."""
    row_tokens: int
    """Tokens that it may cost in all."""
    usage: Usage = field(default_factory=Usage)
    attempts: int = 0
    """Number of the last attempt in the ledger."""

    def body(self, model: str) -> dict[str, Any]:
        """The request of the next turn."""
        return self.question.body(model, self.turn.form, self.turn.complaint, self.turn.longer)

    def too_dear(self) -> Outcome | None:
        """The end, where another turn would exceed what one row may cost."""
        if self.usage.tokens + sum(self.question.expected_tokens) <= self.row_tokens:
            return None
        cap = f"{self.row_tokens:,} tokens, LMMREC_CHAT_ROW_TOKENS"
        return self._end(f"the next call would exceed the cap of one row ({cap})", final=False)

    def hear(self, verdict: Ok[Answered] | Reask | Quarantine | Retry, dialect: Dialect) -> Outcome | None:
        """The outcome; None where the question is put once more, in the turn that this sets."""
        turn = self.turn
        if isinstance(verdict, Ok | Reask) or (isinstance(verdict, Quarantine) and verdict.status is None):
            dialect.understood(turn.form)
        if isinstance(verdict, Ok):
            return replace(verdict.value, usage=self.usage)
        if isinstance(verdict, Retry):
            if turn.retries == self.max_retries:
                return self._end(
                    f"no answer after {self.attempts} attempts ({verdict.reason})", retryable=True, final=False
                )
            # Some servers say 500 where they mean that they do not know the form.
            instead = dialect.instead_of(turn.form, None) if verdict.status == 500 and turn.retries else None
            self.turn = replace(turn, form=instead or turn.form, retries=turn.retries + 1)
        elif isinstance(verdict, Quarantine):
            instead = dialect.instead_of(turn.form, verdict.parameter) if verdict.status is not None else None
            if instead is None:
                return self._end(verdict.reason)
            self.turn = replace(turn, form=instead)
        elif verdict.cut:
            if turn.longer:
                return self._end("the answer was cut twice")
            self.turn = replace(turn, longer=True)
        else:
            if turn.reasks == MAX_REASKS:
                return self._end(f"no valid answer after {turn.reasks} re-asks: {verdict.complaint}")
            self.turn = replace(turn, reasks=turn.reasks + 1, complaint=verdict.complaint)
        return self.too_dear()

    def _end(self, reason: str, retryable: bool = False, final: bool = True) -> Outcome:
        return Unanswered(self.question.request.id, reason, retryable, self.usage, final)


def for_twin(request_id: str, outcome: Outcome) -> Outcome:
    """The same outcome for an equal request: paid once."""
    if isinstance(outcome, Answered):
        return replace(outcome, id=request_id, usage=Usage(), cached=True)
    return replace(outcome, id=request_id, usage=Usage())
