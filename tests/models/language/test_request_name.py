"""Names of requests never change, whichever way they are computed: what was paid for stays at hand."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.language.chat import ChatConfig, ChatRequest
from models.language.dialect import Form
from models.language.motivation import SCHEMA_VERSION
from models.language.questions import Question, question_of
from models.language.request_name import PLACEHOLDER, SharedRequest, request_sha256

pytestmark = pytest.mark.unit

TEXTS = st.text(st.characters(), max_size=60)


@given(TEXTS, TEXTS)
def test_a_shared_request_names_each_text_as_the_whole_request_would(text: str, system: str) -> None:
    def request(user: str) -> dict[str, object]:
        return {"model": "m", "messages": [{"content": system}, {"content": user}], "z": [1, None, 0.5]}

    assert SharedRequest(request(PLACEHOLDER)).name(text) == request_sha256(request(text))


@given(TEXTS)
def test_a_question_is_named_by_model_endpoint_messages_schema_and_prompt_version(text: str) -> None:
    request, config = ChatRequest("7", "item", "Be brief.", text, (), 50, "3"), ChatConfig("openai", "m", "http://h/v1")
    whole = Question("", request).body("m", Form()) | {
        "endpoint": "http://h/v1",
        "prompt_version": "3",
        "schema_version": SCHEMA_VERSION,
    }
    assert question_of(request, config).name == request_sha256(whole)


def test_the_name_is_the_sha256_of_compact_sorted_json() -> None:
    request = {"b": "\u00e9", "a": [1, {"d": None, "c": True}]}
    compact = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert compact == '{"a":[1,{"c":true,"d":null}],"b":"\u00e9"}'
    assert request_sha256(request) == hashlib.sha256(compact.encode()).hexdigest()
