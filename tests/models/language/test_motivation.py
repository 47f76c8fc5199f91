"""A raw answer becomes a valid one in one way, or is refused in words that quote nothing of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.language.motivation import MotivationAnswer, UnusableAnswerError, json_schema, parse_answer

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "reasoning": ["one step"],
    "active": [{"motivation": "keeps tea warm", "evidence": ["r1"], "strength": 0.8}],
    "passive": [{"motivation": "lid leaks", "evidence": ["r2"], "strength": 0}],
    "summary": "For people who drink tea slowly.",
}
SOURCES = {"title", "r1", "r2"}


def parse(raw: str) -> MotivationAnswer:
    return parse_answer(raw, SOURCES, 100)


def with_motivation(**changes: Any) -> dict[str, Any]:
    return GOOD | {"active": [GOOD["active"][0] | changes]}


WRAPPED = {
    "alone": "{answer}",
    "fence": "```json\n{answer}\n```",
    "prose": "Here is what I found:\n{answer}\nLet me know if you need more!",
    "thoughts": '<think>First {{I}} thought of {"summary": 1} and then</think>{answer}',
    "byte order mark": "\ufeff{answer}",
}


@pytest.mark.parametrize("name", WRAPPED)
def test_f9_the_one_object_is_found_whatever_stands_around_it(name: str) -> None:
    raw = WRAPPED[name].replace("{answer}", json.dumps(GOOD))
    assert parse(raw) == MotivationAnswer.model_validate(GOOD)


AMBIGUOUS = {
    "nothing": "",
    "prose": "I would say that people like tea.",
    "two objects": json.dumps(GOOD) + json.dumps(GOOD),
    "a list of answers": json.dumps([GOOD, GOOD]),
    "torn": json.dumps(GOOD)[:-20],
    "single quotes": str(GOOD),
    "trailing comma": json.dumps(GOOD)[:-1] + ",}",
    "comment": json.dumps(GOOD)[:-1] + "// done\n}",
    "a key twice": json.dumps(GOOD)[:-1] + ', "summary": "For people who drink coffee."}',
    "a key of a motivation twice": json.dumps(GOOD).replace('"strength": 0.8', '"strength": 0.8, "strength": 0.1'),
    "thoughts without end": "<think>" + json.dumps(GOOD)[:40],
    "deep": "{" * 50_000,
    "deep keys": '{"a":' * 19_000,
    "endless": json.dumps(GOOD) + " " * 200_000,
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_f6_f9_what_is_no_single_object_is_refused(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(UnusableAnswerError):
        parse(AMBIGUOUS[name])
    assert time.perf_counter() - started < 2


BROKEN = {
    "further key": GOOD | {"admin": True},
    "further key of a motivation": with_motivation(id="7"),
    "missing key": {key: value for key, value in GOOD.items() if key != "passive"},
    "list for text": GOOD | {"summary": ["For people who drink tea."]},
    "text for list": GOOD | {"active": "keeps tea warm"},
    "null": GOOD | {"summary": None},
    "empty summary": GOOD | {"summary": ""},
    "invisible summary": GOOD | {"summary": "\u200b\u200b\u2060\ufeff"},
    "endless summary": GOOD | {"summary": "tea" * 10_000},
    "long summary": GOOD | {"summary": "tea " * 151},
    "invisible motivation": with_motivation(motivation="\u200b"),
    "endless motivation": with_motivation(motivation="tea" * 1_000),
    "strength above one": with_motivation(strength=1.01),
    "strength below zero": with_motivation(strength=-0.01),
    "strength that is no number": with_motivation(strength="very"),
    "unknown source": with_motivation(evidence=["r3"]),
    "a hundred motivations": GOOD | {"active": GOOD["active"] * 100},
    "a hundred steps": GOOD | {"reasoning": ["step"] * 100},
}


@pytest.mark.parametrize("name", BROKEN)
def test_f10_what_breaks_the_schema_is_refused(name: str) -> None:
    with pytest.raises(UnusableAnswerError) as refused:
        parse(json.dumps(BROKEN[name]))
    assert "tea" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_f10_a_strength_that_is_not_finite_is_refused(value: str) -> None:
    with pytest.raises(UnusableAnswerError):
        parse(json.dumps(GOOD).replace('"strength": 0.8', f'"strength": {value}'))


def test_empty_lists_are_an_answer() -> None:
    answer = parse(json.dumps(GOOD | {"active": [], "passive": [], "reasoning": []}))
    assert (answer.active, answer.passive, answer.reasoning) == ((), (), ())


def test_f12_what_is_parsed_is_clean() -> None:
    answer = parse(json.dumps(GOOD | {"summary": "For people\u202e who\n drink\x1b[31m tea\u0301 slowly."}))
    assert answer.summary == "For people who drink [31m teá slowly."


@given(st.text(max_size=300))
def test_whatever_comes_is_an_answer_or_refused(raw: str) -> None:
    for text in (raw, "{" + raw, json.dumps({"summary": raw}), json.dumps(GOOD | {"summary": raw})):
        try:
            answer = parse(text)
        except UnusableAnswerError:
            continue
        assert MotivationAnswer.model_validate(answer.model_dump()) == answer


def test_the_schema_that_is_sent_asks_for_every_key_and_no_other() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert set(part["required"]) == set(part["properties"])
        assert part["additionalProperties"] is False
    assert "maxLength" not in json.dumps(schema)
