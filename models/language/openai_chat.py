"""Motivations from any OpenAI-compatible endpoint (vendor, vLLM, llama.cpp, Ollama, …), asked one by one.

Structured output is asked for and never trusted: every answer is validated here. What does not fit is asked for again at
most twice, a cut answer once with more room, a refusal never. Valid answers are on disk before the next question takes their
place. Retries and money are `gateway.py`; what is asked and what counts as an answer is `questions.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from models.language.at_hand import given_up_row, outcomes_at_hand
from models.language.chat import ChatConfig, ChatRequest, Expense, Outcome
from models.language.dialect import Dialect
from models.language.dialogue import Dialogue, Turn, for_twin
from models.language.gateway import Gateway
from models.language.questions import Question, expense_of, question_of
from models.language.retry import MAX_ATTEMPTS
from models.language.store import Store
from models.language.wire import Wire
from models.language.workers import run_in_order

_LOOKED_UP_AT_ONCE = 8
"""More at once would hold up the event loop for longer."""
_WORKERS_PER_SLOT = 2
"""Questions that wait before a retry hold no place in flight; others take it meanwhile."""
_ATTEMPTS_PER_TURN = 2
"""Failures before a plainer form is considered: some endpoints answer 500 to a form that they do not know."""


@dataclass(frozen=True)
class _Job:
    question: Question
    at_hand: Outcome | None
    twin: bool
    """An equal question was drawn before, and had not come to its end when this one was looked up."""


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
            drawn: set[str] = set()
            jobs = self._jobs(requests, store, drawn)
            for job in jobs:
                if job.at_hand is None:
                    break
                yield job.at_hand
            else:
                return
            gateway = Gateway(
                "chat", config.model, config.base_url, store, config.concurrency, config.budget_usd, config.timeout_s
            )
            talk = _Talk(config, gateway, store, drawn)
            workers = _WORKERS_PER_SLOT * config.concurrency
            yield from run_in_order(gateway.wire, talk.outcome, chain([job], jobs), workers)

    def expense(self, requests: Iterable[ChatRequest]) -> Expense:
        """Of the requests that no stored answer fits; the store is not made where there is none."""
        if not self._config.store.exists():
            return expense_of((question_of(request, self._config) for request in requests), self._config.model)
        with Store(self._config.store) as store:
            missing = (job.question for job in self._jobs(requests, store, set()) if job.at_hand is None)
            return expense_of(missing, self._config.model)

    def _jobs(self, requests: Iterable[ChatRequest], store: Store, drawn: set[str]) -> Iterator[_Job]:
        """Each request with the answer that is at hand, where it still fits; names of the others go into `drawn`."""
        remaining = iter(requests)
        while some := [question_of(request, self._config) for request in islice(remaining, _LOOKED_UP_AT_ONCE)]:
            jobs = []
            for question, outcome in zip(some, outcomes_at_hand(store, some, self._config.ask_again), strict=True):
                jobs.append(_Job(question, outcome, twin=question.name in drawn))
                if outcome is None:
                    drawn.add(question.name)
            yield from jobs


@dataclass
class _Talk:
    """The conversations of one run."""

    config: ChatConfig
    gateway: Gateway
    store: Store
    drawn: set[str]
    """Names of questions that have not come to their end."""
    dialect: Dialect = field(default_factory=Dialect)
    under_way: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict)

    async def outcome(self, wire: Wire, job: _Job) -> Outcome:
        """What comes of one request."""
        question = job.question
        if job.at_hand is not None:
            return job.at_hand
        if job.twin:
            if (twin := self.under_way.get(question.name)) is not None:
                return for_twin(question.request.id, await asyncio.shield(twin))
            (since,) = outcomes_at_hand(self.store, [question], self.config.ask_again)
            if since is not None:
                return since
        waiting = self.under_way[question.name] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._ask(wire, question)
            waiting.set_result(outcome)
            return outcome
        finally:
            waiting.cancel()
            del self.under_way[question.name]
            self.drawn.discard(question.name)

    async def _ask(self, wire: Wire, question: Question) -> Outcome:
        """Turn after turn; within a turn the gateway tries twice."""
        turns = MAX_ATTEMPTS // _ATTEMPTS_PER_TURN
        dialogue = Dialogue(question, Turn(self.dialect.form), turns - 1, self.config.row_tokens)
        outcome = dialogue.too_dear()
        while outcome is None:

            async def send() -> Any:
                return await wire.post("/chat/completions", dialogue.body(self.config.model))

            failed = dialogue.turn.retries * _ATTEMPTS_PER_TURN
            called = await self.gateway.call(
                question.name,
                send,
                question.read,
                question.expected_tokens,
                dialogue.attempts + 1,
                range(failed, failed + _ATTEMPTS_PER_TURN),
            )
            dialogue.usage, dialogue.attempts = dialogue.usage + called.usage, called.attempts
            outcome = dialogue.hear(called.verdict, self.dialect)
        if (row := given_up_row(question.name, self.config.model, outcome)) is not None:
            await self.store.written(row)
        return outcome
