"""What is asked about one user or item, under which name the answer is kept, and when a reply counts as an answer.

Every way of asking (one by one, in batches) shares this room, so that an answer paid for in one way is at hand in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.language.chat import Answered, ChatConfig, ChatRequest, Entity, Expense
from models.language.dialect import Form
from models.language.motivation import SCHEMA_VERSION, UnusableAnswerError, json_schema, parse_answer
from models.language.prices import find_price
from models.language.quality import complaint, hard, judge_answer
from models.language.request_name import PLACEHOLDER, SharedRequest
from models.language.text import estimate_tokens
from models.language.verdict import Ok, Quarantine, Reask

MAX_REASKS = 2
OUTPUT_TOKENS = {"item": 1_200, "user": 900}
"""Room for an answer; doubled once where an answer was cut."""
EXPECTED_OUTPUT_TOKENS = {"item": 500, "user": 400}
"""What an answer takes on average, for estimates."""


@dataclass(frozen=True)
class Question:
    """One request and the name under which its answer is kept."""

    name: str
    request: ChatRequest

    @property
    def expected_tokens(self) -> tuple[int, int]:
        """(input, output), estimated."""
        return estimate_tokens(self.request.system, self.request.user), EXPECTED_OUTPUT_TOKENS[self.request.entity]

    def body(self, model: str, form: Form, complaint: str = "", longer: bool = False) -> dict[str, Any]:
        """The request in some form.

        Args:
            model: name at the endpoint.
            form: how to put it.
            complaint: what was wrong with the last answer; only the last, so that prompts do not grow with every re-ask.
            longer: doubles the room for the answer.
        """
        request = self.request
        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}]
        if complaint:
            said = f"Your last answer could not be used ({complaint}). Answer with the JSON object only."
            messages.append({"role": "user", "content": said})
        return form.body(model, messages, _schema(), OUTPUT_TOKENS[request.entity] * (2 if longer else 1))

    def read(self, reply: Any) -> Ok[Answered] | Reask | Quarantine:
        """Whether a chat completion (decoded JSON, whatever the endpoint made of it) holds a valid answer."""
        choices = reply.get("choices") if isinstance(reply, Mapping) else None
        choice = _mapping(choices[0] if isinstance(choices, list) and choices else None)
        message = _mapping(choice.get("message"))
        if message.get("refusal") or choice.get("finish_reason") == "content_filter":
            return Quarantine("the model refused to answer")
        if choice.get("finish_reason") == "length":
            return Reask("the answer was cut", cut=True)
        raw = _text_of(message.get("content"))
        try:
            return Ok(self.parse(raw), keep=raw)
        except UnusableAnswerError as error:
            return Reask(str(error))

    def parse(self, raw: str) -> Answered:
        """The answer in a raw text, judged.

        Raises:
            UnusableAnswerError: it breaks the schema, or a law of `quality` that forbids publication.
        """
        request = self.request
        answer = parse_answer(raw, {source.source_id for source in request.sources}, request.max_words)
        flaws = judge_answer(request, answer)
        if broken := hard(flaws):
            raise UnusableAnswerError(complaint(broken))
        return Answered(request.id, answer, blemishes=tuple(flaw.rule for flaw in flaws))


def question_of(request: ChatRequest, config: ChatConfig) -> Question:
    """Named by everything that decides the answer: model, endpoint, messages, schema, prompt version.

    The name speaks of the form that is tried first; which form an endpoint takes in the end is no part of it.
    """
    around = _around(config.model, config.base_url, request.entity, request.system, request.prompt_version)
    return Question(around.name(request.user), request)


@lru_cache(maxsize=16)
def _around(model: str, base_url: str | None, entity: Entity, system: str, prompt_version: str) -> SharedRequest:
    """All of the named request but what the user says: the same for all users, and for all items, of a run."""
    identity = {"endpoint": base_url or "default", "prompt_version": prompt_version, "schema_version": SCHEMA_VERSION}
    blank = ChatRequest("", entity, system, PLACEHOLDER, (), 0, prompt_version)
    return SharedRequest(Question("", blank).body(model, Form()) | identity)


def expense_of(questions: Iterable[Question], model: str) -> Expense:
    """What asking these would take; equal ones count once."""
    calls, tokens, answers, seen = 0, 0, 0, set()
    for question in questions:
        if question.name not in seen:
            seen.add(question.name)
            expected = question.expected_tokens
            calls, tokens, answers = calls + 1, tokens + expected[0], answers + expected[1]
    price = find_price(model)
    cost = 0.0 if not calls else price.of(tokens, answers) if price else None
    return Expense(calls, tokens, answers, cost)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text_of(content: Any) -> str:
    """The text of a message: a string, or the text parts of a list."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return json_schema()
