"""Motivations from any OpenAI-compatible endpoint (vendor, vLLM, llama.cpp, Ollama, …).

Structured output is asked for and never trusted: every answer is validated here. What does not fit is asked for again at
most twice, a cut answer once with more room, a refusal never. Valid answers go to the store as they arrive. Retries and
money are `gateway.py`; what an answer must look like is `motivation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from models.language.chat import Answered, ChatConfig, ChatRequest, Outcome, Unanswered, Usage
from models.language.gateway import Gateway, GivenUpError
from models.language.motivation import SCHEMA_VERSION, UnusableAnswerError, json_schema, parse_answer
from models.language.store import Store, request_sha256
from models.language.text import estimate_tokens
from models.language.workers import run_bounded

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_REASKS = 2
OUTPUT_TOKENS = {"item": 1_200, "user": 900}
"""Room for an answer; doubled once where an answer was cut."""
EXPECTED_OUTPUT_TOKENS = {"item": 500, "user": 400}
"""What an answer takes on average, for estimates."""


@dataclass(frozen=True)
class _Question:
    """One request to the endpoint, and everybody who waits for its answer."""

    name: str
    request: ChatRequest
    ids: tuple[str, ...]


class OpenAIChatModel:
    """A chat model behind an endpoint; see `ChatModel`."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self.provenance = f"openai:{config.model}"

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[Outcome]:
        """Answers at hand first, then the others as they come; equal prompts are asked once.

        Raises:
            LmmrecError: no key, no credit, budget reached, store unusable. Answers so far are kept.
        """
        with Store(self._config.store) as store:
            questions = self._questions(requests)
            known = store.answers(list(questions))
            missing = []
            for name, question in questions.items():
                outcome = self._reread(question, known.get(name))
                if outcome is None:
                    missing.append(question)
                else:
                    yield from _for_everyone(question, outcome)
            if not missing:
                return
            config = self._config
            gateway = Gateway("chat", config.model, config.base_url, config.budget_usd, store)

            async def ask(client: AsyncOpenAI, question: _Question) -> tuple[_Question, Outcome]:
                return question, await self._ask(client, gateway, store, question)

            for question, outcome in run_bounded(gateway.client, ask, missing, config.concurrency):
                yield from _for_everyone(question, outcome)

    def pending(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """The requests that no stored answer fits; equal ones once. The store is not made where there is none."""
        questions = self._questions(requests)
        if not self._config.store.exists():
            return [question.request for question in questions.values()]
        with Store(self._config.store) as store:
            known = store.answers(list(questions))
        return [question.request for name, question in questions.items() if name not in known]

    def _questions(self, requests: Sequence[ChatRequest]) -> dict[str, _Question]:
        ids: dict[str, list[str]] = {}
        first: dict[str, ChatRequest] = {}
        for request in requests:
            name = request_sha256(self._body(request) | self._identity(request))
            ids.setdefault(name, []).append(request.id)
            first.setdefault(name, request)
        return {name: _Question(name, first[name], tuple(waiting)) for name, waiting in ids.items()}

    def _identity(self, request: ChatRequest) -> dict[str, Any]:
        """What decides the answer beside the body."""
        return {
            "endpoint": self._config.base_url or "default",
            "prompt_version": request.prompt_version,
            "schema_version": SCHEMA_VERSION,
        }

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        return {
            "model": self._config.model,
            "messages": [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}],
            "temperature": 0,
            "max_tokens": OUTPUT_TOKENS[request.entity],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "motivations", "schema": json_schema(), "strict": True},
            },
        }

    def _reread(self, question: _Question, raw: str | None) -> Outcome | None:
        """A stored answer; None where there is none, or it no longer fits."""
        if raw is None:
            return None
        try:
            return Answered(question.request.id, _parse(question.request, raw), cached=True)
        except UnusableAnswerError:
            return None

    async def _ask(self, client: AsyncOpenAI, gateway: Gateway, store: Store, question: _Question) -> Outcome:
        request, body = question.request, self._body(question.request)
        expected = estimate_tokens(request.system, request.user), EXPECTED_OUTPUT_TOKENS[request.entity]
        usage, number, reasks, longer, complaint = Usage(), 0, 0, False, ""
        try:
            while True:
                send = partial(client.chat.completions.create, **body)
                response, took, number = await gateway.call(question.name, send, expected, number + 1)
                usage += took
                choices = getattr(response, "choices", None)
                choice = choices[0] if choices else None
                if choice is not None and (choice.message.refusal or choice.finish_reason == "content_filter"):
                    return Unanswered(request.id, "the model refused to answer", usage=usage)
                if choice is not None and choice.finish_reason == "length":
                    if longer:
                        return Unanswered(request.id, "the answer was cut twice", usage=usage)
                    longer, body = True, body | {"max_tokens": 2 * OUTPUT_TOKENS[request.entity]}
                    continue
                raw = (choice.message.content if choice is not None else None) or ""
                try:
                    answer = _parse(request, raw)
                except UnusableAnswerError as error:
                    complaint = str(error)
                else:
                    store.keep(question.name, self._config.model, raw)
                    return Answered(request.id, answer, usage)
                if reasks == MAX_REASKS:
                    return Unanswered(request.id, f"no valid answer after {reasks} re-asks: {complaint}", usage=usage)
                reasks, body = reasks + 1, body | {"messages": [*self._body(request)["messages"], _reminder(complaint)]}
        except GivenUpError as error:
            return Unanswered(request.id, error.reason, error.retryable, usage + error.usage)


def _parse(request: ChatRequest, raw: str) -> Any:
    return parse_answer(raw, {source.source_id for source in request.sources}, request.max_words)


def _reminder(complaint: str) -> dict[str, str]:
    """Only the last complaint, so that prompts do not grow with every re-ask."""
    return {
        "role": "user",
        "content": f"Your last answer could not be used ({complaint}). Answer with the JSON object only.",
    }


def _for_everyone(question: _Question, outcome: Outcome) -> Iterator[Outcome]:
    """The outcome for each id that waits; what it took counts once."""
    for position, waiting in enumerate(question.ids):
        usage = outcome.usage if position == 0 else Usage()
        if isinstance(outcome, Answered):
            yield Answered(waiting, outcome.answer, usage, outcome.cached or position > 0)
        else:
            yield Unanswered(waiting, outcome.reason, outcome.retryable, usage)
