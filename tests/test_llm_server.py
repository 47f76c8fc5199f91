"""The instrument itself: what the test server is told to do is what it does, logs and bills."""

from __future__ import annotations

import base64
import http.client
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.llm_server import INPUT_TOKENS, OUTPUT_TOKENS, Endpoint, answer_to, running_endpoint, vector_of
from tests.llm_server.load import put_load

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture
def server(started: Endpoint) -> Endpoint:
    started.play()
    started.log.write_text("")
    return started


def chat(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def post(server: Endpoint, body: dict[str, Any], path: str = "/chat/completions") -> tuple[int, Any, dict[str, str]]:
    parts = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("POST", parts.path + path, json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read()), {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


def bodies(count: int) -> list[bytes]:
    return [json.dumps(chat(f"number {n}")).encode() for n in range(count)]


def test_a_valid_answer_depends_on_the_prompt_alone_and_is_billed_in_the_log(server: Endpoint) -> None:
    (_, first, _), (_, second, _) = post(server, chat("one")), post(server, chat("one"))
    assert first == second
    assert json.loads(first["choices"][0]["message"]["content"]) == answer_to("one")
    call = server.calls("chat")[0]
    assert (call["status"], call["input_tokens"], call["output_tokens"]) == (200, INPUT_TOKENS, OUTPUT_TOKENS)
    assert [call["attempt"] for call in server.calls()] == [1, 2]


def test_a_script_with_a_key_that_nobody_knows_is_refused(server: Endpoint) -> None:
    misspelt: list[dict[str, Any]] = [{"chats": []}, {"chat": [{"stauts": 500}]}, {"settings": {"capacty": 1}}]
    for script in misspelt:
        with pytest.raises(TypeError):
            server.play(**script)


def test_a_script_that_is_played_again_begins_anew(server: Endpoint) -> None:
    for _ in range(3):
        server.play(chat=[{"status": 500}])
        assert [post(server, chat())[0] for _ in range(2)] == [500, 200]


def test_a_step_with_match_waits_for_its_request(server: Endpoint) -> None:
    server.play(chat=[{"match": "second", "status": 503}])
    assert [post(server, chat(text))[0] for text in ("first", "second", "second")] == [200, 503, 200]


def test_more_than_the_capacity_in_flight_is_answered_429_at_once(server: Endpoint) -> None:
    server.play(settings={"latency_s": 0.3, "capacity": 5, "retry_after_s": 2})
    load = put_load(server.base_url, bodies(12), 12)
    assert sorted(load.statuses) == [200] * 5 + [429] * 7
    assert max(call["in_flight"] for call in server.calls() if call["status"] == 200) == 5
    assert sum(call["input_tokens"] for call in server.calls()) == 5 * INPUT_TOKENS
    assert server.state()["in_flight"] == 0


def test_rate_limits_are_announced_and_kept(server: Endpoint) -> None:
    server.play(settings={"requests_per_minute": 60, "tokens_per_minute": 60_000})
    status, _, headers = post(server, chat())
    assert status == 200
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 60_000
    statuses = put_load(server.base_url, bodies(80), 4).statuses
    assert 59 <= statuses.count(200) <= 61
    status, _, headers = post(server, chat())
    assert status == 429
    assert 0 < float(headers["retry-after-ms"]) <= 1000


def test_a_storm_hits_its_share_and_the_same_requests_in_every_run(server: Endpoint) -> None:
    storm = [{"share": 0.2, "step": {"status": 500}}, {"share": 0.1, "step": {"status": 429}}]

    def run(seed: int) -> list[tuple[str, int, int]]:
        server.play(settings={"seed": seed}, storm=storm)
        server.log.write_text("")
        put_load(server.base_url, bodies(600) * 2, 8)
        return sorted((c["request"]["messages"][0]["content"], c["attempt"], c["status"]) for c in server.calls())

    first = run(1)
    statuses = [status for *_, status in first]
    assert 0.15 < statuses.count(500) / 1200 < 0.25
    assert 0.06 < statuses.count(429) / 1200 < 0.14
    assert run(1) == first
    assert run(2) != first


@pytest.mark.parametrize("fault", ["close", "reset", "close_mid_body"])
def test_a_lost_connection_is_lost_once_logged_and_bills_nothing(server: Endpoint, fault: str) -> None:
    server.play(chat=[{fault: True}])
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        post(server, chat())
    assert post(server, chat())[0] == 200
    assert [call["input_tokens"] for call in server.calls()] == [0, INPUT_TOKENS]
    assert server.state()["in_flight"] == 0


def test_a_dripping_body_takes_as_long_as_told_and_is_whole(server: Endpoint) -> None:
    server.play(chat=[{"drip_s": 0.5}])
    started = time.monotonic()
    assert post(server, chat("x"))[1]["choices"]
    assert 0.4 < time.monotonic() - started < 2


def test_a_client_that_leaves_frees_its_place(server: Endpoint) -> None:
    server.play(chat=[{"delay_s": 30}])
    parts = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
    deadline = time.monotonic() + 5
    while server.state()["in_flight"] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.state()["in_flight"] == 1
    connection.close()
    while server.state()["in_flight"] == 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.state() | {"cpu_s": 0, "requests": 0} == {"connections": 1, "in_flight": 0, "cpu_s": 0, "requests": 0}


@pytest.mark.parametrize(
    ("settings", "request_part", "param"),
    [
        ({"refuse_response_format": ["json_schema"]}, {"response_format": {"type": "json_schema"}}, "response_format"),
        ({"refuse_parameters": ["max_tokens"]}, {"max_tokens": 5}, "max_tokens"),
        ({"max_input_chars": 3}, {}, "messages"),
    ],
)
def test_what_an_endpoint_does_not_take_is_answered_400_and_names_it(
    server: Endpoint, settings: dict[str, Any], request_part: dict[str, Any], param: str
) -> None:
    server.play(settings=settings)
    status, answer, _ = post(server, chat(**request_part))
    assert (status, answer["error"]["param"]) == (400, param)
    assert post(server, chat("x"))[0] == 200


def test_only_listed_models_answer(server: Endpoint) -> None:
    server.play(settings={"models": ["tiny"]})
    assert post(server, chat())[0] == 404
    assert post(server, chat() | {"model": "tiny"})[0] == 200


def test_vectors_come_as_floats_or_base64_as_asked(server: Endpoint) -> None:
    asked = {"model": "e", "input": ["tea", "bad tea"]}
    server.play(embeddings=[{"match": "bad", "always": True, "vectors": {"bad": [float("nan"), 1.0]}}])
    floats = post(server, asked | {"encoding_format": "float"}, "/embeddings")[1]["data"]
    assert floats[0]["embedding"] == vector_of("tea")
    assert floats[1]["embedding"][0] != floats[1]["embedding"][0]
    packed = post(server, asked | {"encoding_format": "base64"}, "/embeddings")[1]["data"][0]["embedding"]
    assert list(struct.unpack("<16f", base64.b64decode(packed))) == vector_of("tea")


def test_every_served_call_is_in_the_log_when_its_answer_is_there(server: Endpoint) -> None:
    load = put_load(server.base_url, bodies(500), 16)
    asked = {call["request"]["messages"][0]["content"] for call in server.calls("chat")}
    assert len(load.statuses) == len(asked) == 500


def test_a_request_costs_the_server_less_than_half_a_millisecond(server: Endpoint) -> None:
    put_load(server.base_url, bodies(200), 64)
    before = server.state()
    put_load(server.base_url, bodies(2000), 64)
    after = server.state()
    assert (after["cpu_s"] - before["cpu_s"]) / (after["requests"] - before["requests"]) < 0.0005


def batch_file(count: int) -> bytes:
    lines = (
        {"custom_id": f"q{n}", "method": "POST", "url": "/v1/chat/completions", "body": chat(f"number {n}")}
        for n in range(count)
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def submitted(server: Endpoint, content: bytes) -> tuple[Any, Any]:
    """(client of the SDK, batch)."""
    import openai

    client = openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0)
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"name": "a"}
    )
    return client, batch


def ended(client: Any, batch: Any) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
    """(batch at its end, lines of the output file, lines of the error file)."""
    deadline = time.monotonic() + 10
    while batch.status not in ("completed", "expired", "cancelled", "failed"):
        assert time.monotonic() < deadline
        batch = client.batches.retrieve(batch.id)
    files = [
        client.files.content(name).text.splitlines() if name else []
        for name in (batch.output_file_id, batch.error_file_id)
    ]
    return batch, *([json.loads(line) for line in lines] for lines in files)


def test_a_batch_goes_through_its_states_and_answers_each_line_in_another_order(server: Endpoint) -> None:
    server.play(lines=[{"match": "number 3", "status": 400, "always": True}])
    client, batch = submitted(server, batch_file(10))
    assert batch.status == "validating"
    batch, output, errors = ended(client, batch)
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.request_counts.failed) == (9, 1)
    names = [line["custom_id"] for line in output]
    assert sorted(names) == sorted({f"q{n}" for n in range(10)} - {"q3"})
    assert names != sorted(names)
    assert [line["custom_id"] for line in errors] == ["q3"]
    for line in output:
        content = line["response"]["body"]["choices"][0]["message"]["content"]
        assert json.loads(content) == answer_to(f"number {line['custom_id'][1:]}")
    assert sum(call["input_tokens"] for call in server.calls("line")) == 9 * INPUT_TOKENS
    assert client.batches.list().data[0].metadata == {"name": "a"}


def test_an_expired_batch_names_what_it_did_not_do(server: Endpoint) -> None:
    server.play(batches=[{"end": "expired", "answered": 0.6, "duplicates": 1, "unknown": 1}])
    batch, output, errors = ended(*submitted(server, batch_file(10)))
    assert batch.status == "expired"
    assert len(output) == 8
    assert len({line["custom_id"] for line in output} & {f"q{n}" for n in range(10)}) == 6
    assert {line["error"]["code"] for line in errors} == {"batch_expired"}
    assert len(errors) == 4


def test_a_batch_can_be_cancelled_and_a_bad_file_fails(server: Endpoint) -> None:
    server.play(batches=[{"takes_s": 60}])
    client, batch = submitted(server, batch_file(2))
    client.batches.cancel(batch.id)
    assert ended(client, batch)[0].status == "cancelled"
    batch, output, _ = ended(*submitted(server, batch_file(2) * 2))
    assert batch.status == "failed"
    assert {problem.code for problem in batch.errors.data} == {"duplicate_custom_id"}
    assert output == []


def test_a_lost_reply_to_a_submission_leaves_the_batch_there(server: Endpoint) -> None:
    import openai

    server.play(create=[{"close": True}])
    before = {batch.id for batch in openai.OpenAI(base_url=server.base_url, api_key="x").batches.list()}
    with pytest.raises(openai.APIConnectionError):
        submitted(server, batch_file(1))
    found = {batch.id for batch in openai.OpenAI(base_url=server.base_url, api_key="x").batches.list()}
    assert len(found - before) == 1


def test_files_can_be_read_listed_and_deleted(server: Endpoint) -> None:
    client, batch = submitted(server, batch_file(3))
    assert client.files.content(batch.input_file_id).content == batch_file(3)
    assert client.files.delete(batch.input_file_id).deleted
    assert batch.input_file_id not in {file.id for file in client.files.list()}


def test_the_log_survives_the_end_of_the_server(tmp_path: Path) -> None:
    with running_endpoint(tmp_path) as endpoint:
        post(endpoint, chat())
    assert len(endpoint.calls()) == 1
