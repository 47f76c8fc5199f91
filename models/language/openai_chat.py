"""Motivations from any OpenAI-compatible endpoint (vendor, vLLM, llama.cpp, Ollama, …), asked one by one.

Structured output is asked for and never trusted: every answer is validated here. What does not fit is asked for again at
most twice, a cut answer once with more room, a refusal never. Valid answers are on disk before the next question takes their
place. Retries and money are `gateway.py`; what is asked and what counts as an answer is `questions.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from models.language.chat import Answered, ChatConfig, ChatRequest, Expense, Outcome, Unanswered, Usage
from models.language.dialect import Dialect
from models.language.gateway import Gateway
from models.language.motivation import MotivationAnswer, UnusableAnswerError
from models.language.questions import MAX_REASKS, Question, expense_of, question_of
from models.language.store import Store
from models.language.verdict import Ok, Quarantine, Reask
from models.language.workers import run_in_order

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOOKED_UP_AT_ONCE = 64
_WORKERS_PER_SLOT = 2
"""Questions that wait before a retry hold no place in flight; others take it meanwhile."""


@dataclass(frozen=True)
class _Job:
    question: Question
    at_hand: MotivationAnswer | None


class OpenAIChatModel:
    """A chat model behind an endpoint; see `ChatModel`."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self.provenance = f"openai:{config.model}"

    def complete(self, requests: Iterable[ChatRequest]) -> Iterator[Outcome]:
        """Outcomes in the order of the requests; equal prompts that are under way together are asked once.

        Raises:
            LmmrecError: no key, no credit, budget reached, endpoint down, store unusable. Answers so far are kept.
        """
        config = self._config
        with Store(config.store) as store:
            jobs = self._jobs(requests, store)
            for job in jobs:
                if job.at_hand is None:
                    break
                yield Answered(job.question.request.id, job.at_hand, cached=True)
            else:
                return
            gateway = Gateway(
                "chat", config.model, config.base_url, store, config.concurrency, config.budget_usd, config.timeout_s
            )
            talk = _Talk(config, gateway, store)
            workers = _WORKERS_PER_SLOT * config.concurrency
            yield from run_in_order(gateway.client, talk.outcome, chain([job], jobs), workers)

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        """Of the requests that no stored answer fits; the store is not made where there is none."""
        if not self._config.store.exists():
            return expense_of((question_of(request, self._config) for request in requests), self._config.model)
        with Store(self._config.store) as store:
            missing = (job.question for job in self._jobs(requests, store) if job.at_hand is None)
            return expense_of(missing, self._config.model)

    def _jobs(self, requests: Iterable[ChatRequest], store: Store) -> Iterator[_Job]:
        """Each request with the answer that is at hand, where it still fits."""
        remaining = iter(requests)
        while some := [question_of(request, self._config) for request in islice(remaining, _LOOKED_UP_AT_ONCE)]:
            known = store.answers([question.name for question in some])
            for question in some:
                yield _Job(question, _reread(question, known.get(question.name)))


@dataclass
class _Talk:
    """The conversations of one run."""

    config: ChatConfig
    gateway: Gateway
    store: Store
    dialect: Dialect = field(default_factory=Dialect)
    under_way: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict)

    async def outcome(self, client: AsyncOpenAI, job: _Job) -> Outcome:
        """What comes of one request."""
        question = job.question
        if job.at_hand is not None:
            return Answered(question.request.id, job.at_hand, cached=True)
        if (twin := self.under_way.get(question.name)) is not None:
            return _for_twin(question.request.id, await asyncio.shield(twin))
        since = _reread(question, self.store.answers([question.name]).get(question.name))
        if since is not None:
            return Answered(question.request.id, since, cached=True)
        waiting = self.under_way[question.name] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._ask(client, question)
            waiting.set_result(outcome)
            return outcome
        finally:
            waiting.cancel()
            del self.under_way[question.name]

    async def _ask(self, client: AsyncOpenAI, question: Question) -> Outcome:
        name, request_id, expected = question.name, question.request.id, question.expected_tokens
        usage, attempts, reasks, longer, complaint = Usage(), 0, 0, False, ""
        form = self.dialect.form
        while True:
            if usage.tokens + sum(expected) > self.config.row_tokens:
                cap = f"{self.config.row_tokens:,} tokens, LMMREC_CHAT_ROW_TOKENS"
                return Unanswered(request_id, f"the next call would exceed the cap of one row ({cap})", usage=usage)
            body = question.body(self.config.model, form, complaint, longer)

            async def send(body: dict[str, Any] = body) -> Any:
                return await client.post("/chat/completions", body=body, cast_to=object)

            called = await self.gateway.call(name, send, question.read, expected, attempts + 1)
            usage, attempts, verdict = usage + called.usage, called.attempts, called.verdict
            if isinstance(verdict, Ok | Reask) or (isinstance(verdict, Quarantine) and verdict.status is None):
                self.dialect.understood(form)
            if isinstance(verdict, Ok):
                return Answered(request_id, verdict.value, usage)
            if isinstance(verdict, Reask):
                if verdict.cut and longer:
                    return Unanswered(request_id, "the answer was cut twice", usage=usage)
                if not verdict.cut and reasks == MAX_REASKS:
                    said = f"no valid answer after {reasks} re-asks: {verdict.complaint}"
                    return Unanswered(request_id, said, usage=usage)
                longer = longer or verdict.cut
                reasks, complaint = reasks + (not verdict.cut), complaint if verdict.cut else verdict.complaint
            elif isinstance(verdict, Quarantine):
                instead = self.dialect.instead_of(form, verdict.parameter) if verdict.status is not None else None
                if instead is None:
                    return Unanswered(request_id, verdict.reason, usage=usage)
                form = instead
            else:
                said = f"no answer after {attempts} attempts ({verdict.reason})"
                return Unanswered(request_id, said, retryable=True, usage=usage)


def _reread(question: Question, raw: str | None) -> MotivationAnswer | None:
    """A stored answer; None where there is none, or it no longer fits."""
    try:
        return None if raw is None else question.parse(raw)
    except UnusableAnswerError:
        return None


def _for_twin(request_id: str, outcome: Outcome) -> Outcome:
    """The same outcome for an equal request: paid once."""
    if isinstance(outcome, Answered):
        return Answered(request_id, outcome.answer, cached=True)
    return replace(outcome, id=request_id, usage=Usage())
