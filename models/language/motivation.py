"""The answer of a chat model about one user or item: motivations, evidence, summary (section II-A).

The schema, its JSON form for structured output, and the one way in which a raw answer becomes a valid one. Every answer is
validated here, whatever the endpoint promised. How an answer is asked for belongs to the chat models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from models.language.text import clean

SCHEMA_VERSION = "1"
"""Raised with every change of the schema below."""
MAX_WORDS = {"item": 200, "user": 100}
"""Words of a summary that are asked for (RLMRec's limits)."""
WORD_TOLERANCE = 1.5
"""Models count words badly: a summary is refused above this many times the limit."""
LONGEST_ANSWER = 100_000
"""Characters of a raw answer that are looked at; thoughts before it included."""
_BOUNDS = {"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "title", "description", "default"}

Phrase = Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=400)]
Identifier = Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=64)]
Thought = Annotated[str, AfterValidator(clean), Field(max_length=4000)]


class Motivation(BaseModel):
    """One reason why people choose (active) or avoid (passive)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    motivation: Phrase
    """The reason, in a few words."""
    evidence: tuple[Identifier, ...] = Field(max_length=32)
    """Ids of the sources of this prompt that show it."""
    strength: float = Field(ge=0, le=1, allow_inf_nan=False)
    """How strongly: 0 hardly, 1 decisive."""


class MotivationAnswer(BaseModel):
    """What is kept of an answer; only `summary` is ever turned into a vector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasoning: tuple[Thought, ...] = Field(max_length=32)
    """Steps of the chain of thought, kept for audit."""
    active: tuple[Motivation, ...] = Field(max_length=32)
    passive: tuple[Motivation, ...] = Field(max_length=32)
    summary: Annotated[str, AfterValidator(clean), Field(min_length=3, max_length=8000)]
    """Amass (equation 1): both lists turned into one text."""


class UnusableAnswerError(ValueError):
    """An answer that does not fit; its text says why in words that a model can act on, and quotes nothing of it."""


def json_schema() -> dict[str, Any]:
    """The schema as structured output wants it: all keys required, no further keys, bounds left to our own check."""
    schema = MotivationAnswer.model_json_schema()
    plain: dict[str, Any] = _without_bounds(schema)
    return plain


def parse_answer(raw: str, sources: Collection[str], max_words: int) -> MotivationAnswer:
    """The valid answer in `raw`.

    Args:
        raw: content of the message: JSON, perhaps after a <think> block or within a code fence.
        sources: ids that may be cited.
        max_words: limit on the summary that the prompt asked for.

    Raises:
        UnusableAnswerError: there is not exactly one JSON object, or it breaks the schema, cites what was not shown, or is
            far too long.
    """
    try:
        answer = MotivationAnswer.model_validate(_only_object(raw))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the object"
        raise UnusableAnswerError(f"{place}: {first['msg']}") from None
    unknown = {cited for m in (*answer.active, *answer.passive) for cited in m.evidence} - set(sources)
    if unknown:
        raise UnusableAnswerError(f"evidence cites {len(unknown)} ids that are no sources of this prompt")
    words = len(answer.summary.split())
    if words > WORD_TOLERANCE * max_words:
        raise UnusableAnswerError(f"summary has {words} words, allowed are {max_words}")
    return answer


def _only_object(raw: str) -> Any:
    """The one JSON object in a text, whatever stands around it."""
    if len(raw) > LONGEST_ANSWER:
        raise UnusableAnswerError(f"the answer has {len(raw):,} characters, allowed are {LONGEST_ANSWER:,}")
    text = re.sub(r"^.*?</think>", "", raw, flags=re.DOTALL).strip()
    text = re.sub(r"^```[a-zA-Z]*\s*|\s*```$", "", text)
    decoder, found, position = json.JSONDecoder(object_pairs_hook=_unambiguous), [], text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            position = text.find("{", position + 1)
            continue
        except RecursionError:
            raise UnusableAnswerError("the object is nested too deeply") from None
        except _RepeatedKeyError:
            raise UnusableAnswerError("a key stands twice in one object") from None
        found.append(value)
        position = text.find("{", end)
    if len(found) != 1:
        raise UnusableAnswerError(f"expected exactly one JSON object, found {len(found)}")
    return found[0]


class _RepeatedKeyError(Exception):
    """No ValueError, which would only mean that no object begins here."""


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, where no key stands twice: which of the two was meant, nobody knows."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKeyError
    return found


def _without_bounds(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_bounds(value) for value in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _without_bounds(schema) for name, schema in value.items()}
        elif key not in _BOUNDS:
            kept[key] = _without_bounds(value)
    return kept
