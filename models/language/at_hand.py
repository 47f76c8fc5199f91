"""What is known of questions before anybody is asked: answers that were paid for, and what was given up for good.

Both are kept under the name of the question. An answer counts while it still fits, and giving up counts under the laws of that
time; `ask_again` forgets the latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.language.chat import Outcome, Unanswered
from models.language.motivation import SCHEMA_VERSION, UnusableAnswerError
from models.language.quality import LAWS_VERSION
from models.language.questions import Question
from models.language.store import GivenUp, Store

_LAWS = f"{SCHEMA_VERSION}.{LAWS_VERSION}"


def outcomes_at_hand(store: Store, questions: Sequence[Question], ask_again: bool = False) -> list[Outcome | None]:
    """Of each question in its place; None where it has to be asked."""
    names = [question.name for question in questions]
    raws, reasons = store.answers(names), {} if ask_again else store.given_up(names, _LAWS)
    return [_outcome(question, raws.get(question.name), reasons.get(question.name)) for question in questions]


def given_up_row(name: str, model: str, outcome: Outcome) -> GivenUp | None:
    """What to keep of an outcome that would be the same the next time; None of any other."""
    if isinstance(outcome, Unanswered) and outcome.final:
        return GivenUp(name, model, outcome.reason, _LAWS)
    return None


def _outcome(question: Question, raw: str | None, reason: str | None) -> Outcome | None:
    if raw is not None:
        try:
            return replace(question.parse(raw), cached=True)
        except UnusableAnswerError:
            return None
    return None if reason is None else Unanswered(question.request.id, reason, final=True)
