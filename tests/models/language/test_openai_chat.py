"""The OpenAI-compatible chat model over real HTTP: what is paid, kept, asked again, given up, and what stops the run."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from models.errors import LmmrecError
from models.language.breaker import Breaker
from models.language.chat import Answered, ChatConfig, ChatRequest, Outcome, Source, Unanswered
from models.language.chat_models import chat_model
from tests.llm_server import INPUT_TOKENS, OUTPUT_TOKENS, Endpoint, answer_to

pytestmark = pytest.mark.integration

KEY = "sk-test-THIS-IS-SECRET-0123456789"
COST = (INPUT_TOKENS * 0.15 + OUTPUT_TOKENS * 0.60) / 1e6
"""Of one answer of gpt-4o-mini."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def some_requests(count: int, text: str = "A quiet fan number {}.") -> list[ChatRequest]:
    sources = [[Source("title", "title", f"Fan {n}"), Source("r1", "review", text.format(n))] for n in range(count)]
    return [render("item", str(n), shown, PromptConfig()) for n, shown in enumerate(sources)]


def config_for(endpoint: Endpoint, home: Path, **changes: Any) -> ChatConfig:
    given = {"kind": "openai", "base_url": endpoint.base_url, "store": home / "llm.sqlite", "concurrency": 4} | changes
    return ChatConfig(**given)


def ask(endpoint: Endpoint, home: Path, requests: list[ChatRequest], **changes: Any) -> dict[str, Outcome]:
    outcomes = list(chat_model(config_for(endpoint, home, **changes)).complete(requests))
    assert len({outcome.id for outcome in outcomes}) == len(outcomes)
    return {outcome.id: outcome for outcome in outcomes}


def attempts(home: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "llm.sqlite") as connection:
        return connection.execute("SELECT status, outcome, cost_usd, attempt FROM attempts ORDER BY number").fetchall()


def test_every_request_is_answered_under_its_own_id_whatever_the_order_of_answers(
    endpoint: Endpoint, home: Path
) -> None:
    endpoint.play(chat=[{"match": f"Fan {n}", "delay_s": 0.3 - n * 0.05} for n in range(6)])
    requests = some_requests(6)
    outcomes = ask(endpoint, home, requests, concurrency=6)
    for request in requests:
        outcome = outcomes[request.id]
        assert isinstance(outcome, Answered)
        assert outcome.answer.summary == answer_to(request.user)["summary"]


def test_a_second_run_calls_nobody_and_costs_nothing(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(5)
    first = ask(endpoint, home, requests)
    assert sum(outcome.usage.cost_usd for outcome in first.values()) == pytest.approx(5 * COST)
    second = ask(endpoint, home, requests)
    assert len(endpoint.calls()) == 5
    assert all(isinstance(outcome, Answered) and outcome.cached for outcome in second.values())
    assert sum(outcome.usage.cost_usd for outcome in second.values()) == 0
    assert {k: v.answer for k, v in first.items() if isinstance(v, Answered)} == {
        k: v.answer for k, v in second.items() if isinstance(v, Answered)
    }
    assert chat_model(config_for(endpoint, home)).expense(requests).calls == 0


def test_equal_prompts_are_asked_and_paid_once(endpoint: Endpoint, home: Path) -> None:
    one = some_requests(1)[0]
    twins = [one, ChatRequest("twin", one.entity, one.system, one.user, one.sources, one.max_words, one.prompt_version)]
    outcomes = ask(endpoint, home, twins)
    assert len(endpoint.calls()) == 1
    assert sum(outcome.usage.cost_usd for outcome in outcomes.values()) == pytest.approx(COST)
    assert set(outcomes) == {"0", "twin"}


@pytest.mark.parametrize(
    "change",
    [{"model": "gpt-4o"}, {"version": "2"}, {"text": "Another text {}."}],
    ids=["model", "prompt version", "text"],
)
def test_whatever_changes_the_answer_is_asked_anew(endpoint: Endpoint, home: Path, change: dict[str, str]) -> None:
    ask(endpoint, home, some_requests(1))
    requests = some_requests(1, change.get("text", "A quiet fan number {}."))
    if "version" in change:
        requests = [render("item", "0", list(requests[0].sources), PromptConfig(version="2"))]
    ask(endpoint, home, requests, **{k: v for k, v in change.items() if k == "model"})
    assert len(endpoint.calls()) == 2


def test_f1_a_rate_limit_waits_as_long_as_the_endpoint_says(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"status": 429, "headers": {"Retry-After": "1"}}])
    started = time.monotonic()
    outcomes = ask(endpoint, home, some_requests(1))
    assert isinstance(outcomes["0"], Answered)
    assert time.monotonic() - started >= 1
    assert [row[:2] for row in attempts(home)] == [(429, "retry"), (200, "ok")]


def test_f1_an_endpoint_that_asks_for_a_long_wait_stops_the_run(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"status": 429, "headers": {"Retry-After": "300"}}])
    with pytest.raises(LmmrecError, match="wait 300 s"):
        ask(endpoint, home, some_requests(1))


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"close": True}, {"body": "<html>gateway</html>"}])
def test_f3_f5_passing_faults_are_retried_and_counted(endpoint: Endpoint, home: Path, fault: dict[str, Any]) -> None:
    endpoint.play(chat=[fault])
    outcomes = ask(endpoint, home, some_requests(1))
    assert isinstance(outcomes["0"], Answered)
    assert len(endpoint.calls()) == 2
    assert [row[1] for row in attempts(home)] == ["retry", "ok"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 401}, "OPENAI_API_KEY"),
        ({"status": 403}, "may not use"),
        ({"status": 404}, "OPENAI_BASE_URL"),
        ({"status": 429, "code": "insufficient_quota"}, "billing"),
    ],
    ids=["401", "403", "404", "insufficient_quota"],
)
def test_f2_f4_what_cannot_succeed_stops_the_run_after_one_call(
    endpoint: Endpoint, home: Path, fault: dict[str, Any], said: str
) -> None:
    endpoint.play(chat=[fault | {"always": True}])
    with pytest.raises(LmmrecError, match=said):
        ask(endpoint, home, some_requests(5), concurrency=1)
    assert len(endpoint.calls()) == 1


def test_answers_before_a_stop_are_kept(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"match": "Fan 3", "status": 401, "always": True}])
    with pytest.raises(LmmrecError):
        ask(endpoint, home, some_requests(5), concurrency=1)
    endpoint.play()
    outcomes = ask(endpoint, home, some_requests(5))
    assert all(isinstance(outcome, Answered) for outcome in outcomes.values())
    assert len([call for call in endpoint.calls() if call["status"] == 200]) == 5


BAD_ANSWERS = {
    "prose": "I think people like it.",
    "two objects": '{"a": 1} {"b": 2}',
    "missing key": '{"reasoning": [], "active": [], "summary": "too little"}',
    "further key": json.dumps(answer_to("") | {"extra": 1}),
    "strength above one": json.dumps(answer_to("") | {"active": [{"motivation": "x", "evidence": [], "strength": 3}]}),
    "evidence never shown": json.dumps(
        answer_to("") | {"active": [{"motivation": "x", "evidence": ["r99"], "strength": 0.5}]}
    ),
    "endless summary": json.dumps(answer_to("") | {"summary": "word " * 400}),
    "empty summary": json.dumps(answer_to("") | {"summary": "  "}),
    "cut": json.dumps(answer_to(""))[:40],
    "nothing": "",
}


@pytest.mark.parametrize("content", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_f8_f9_f10_an_unusable_answer_is_asked_for_again_and_never_kept(
    endpoint: Endpoint, home: Path, content: str
) -> None:
    endpoint.play(chat=[{"content": content}])
    outcomes = ask(endpoint, home, some_requests(1))
    assert isinstance(outcomes["0"], Answered)
    calls = endpoint.calls()
    assert len(calls) == 2
    assert len(calls[1]["request"]["messages"]) == 3
    with sqlite3.connect(home / "llm.sqlite") as connection:
        kept = connection.execute("SELECT raw FROM answers").fetchall()
    assert len(kept) == 1
    assert json.loads(kept[0][0])["summary"].startswith("People choose it")


@pytest.mark.parametrize("wrap", ["<think>let me see {{}}</think>{}", "```json\n{}\n```", "Here you are:\n{}\nBye."])
def test_f9_what_stands_around_the_object_does_no_harm(endpoint: Endpoint, home: Path, wrap: str) -> None:
    request = some_requests(1)[0]
    endpoint.play(chat=[{"content": wrap.replace("{{}}", "§").replace("{}", json.dumps(answer_to(request.user)))}])
    assert isinstance(ask(endpoint, home, [request])["0"], Answered)
    assert len(endpoint.calls()) == 1


def test_f10_a_model_that_never_answers_properly_is_given_up_after_two_reasks(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"content": "no", "always": True}])
    outcome = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(outcome, Unanswered)
    assert "2 re-asks" in outcome.reason
    assert not outcome.retryable
    assert outcome.usage.calls == len(endpoint.calls()) == 3
    assert [len(call["request"]["messages"]) for call in endpoint.calls()] == [2, 3, 3]
    assert outcome.usage.cost_usd == pytest.approx(3 * COST)


@pytest.mark.parametrize(
    "step",
    [{"content": "no"}, {"refusal": "I cannot"}, {"status": 400}, {"content": '{"rea', "finish_reason": "length"}],
    ids=["never valid", "refused", "rejected", "always cut"],
)
def test_what_was_given_up_for_good_is_not_paid_again_unless_it_is_asked_for(
    endpoint: Endpoint, home: Path, step: dict[str, Any]
) -> None:
    endpoint.play(chat=[step | {"always": True}])
    first = ask(endpoint, home, some_requests(1))["0"]
    calls = len(endpoint.calls())
    again = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(first, Unanswered)
    assert isinstance(again, Unanswered)
    assert (again.reason, again.usage.calls) == (first.reason, 0)
    assert len(endpoint.calls()) == calls
    assert chat_model(config_for(endpoint, home)).expense(some_requests(1)).calls == 0
    endpoint.play()
    assert isinstance(ask(endpoint, home, some_requests(1), ask_again=True)["0"], Answered)
    assert isinstance(ask(endpoint, home, some_requests(1))["0"], Answered)


def test_what_failed_for_reasons_that_may_pass_is_asked_again(
    endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.language.gateway.backoff_s", lambda attempt, source: 0.01)
    endpoint.play(chat=[{"status": 503, "always": True}])
    outcome = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(outcome, Unanswered)
    assert outcome.retryable
    endpoint.play()
    assert isinstance(ask(endpoint, home, some_requests(1))["0"], Answered)


def test_f6_a_cut_answer_gets_more_room_once(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"finish_reason": "length", "content": '{"rea'}])
    assert isinstance(ask(endpoint, home, some_requests(1))["0"], Answered)
    first, second = (call["request"]["max_tokens"] for call in endpoint.calls())
    assert second == 2 * first
    endpoint.play(chat=[{"finish_reason": "length", "content": '{"rea', "always": True}])
    outcome = ask(endpoint, home, some_requests(1, "Another {}."))["0"]
    assert isinstance(outcome, Unanswered)
    assert len(endpoint.calls()) == 4


@pytest.mark.parametrize("step", [{"refusal": "I cannot"}, {"finish_reason": "content_filter", "content": ""}])
def test_f7_a_refusal_is_final(endpoint: Endpoint, home: Path, step: dict[str, Any]) -> None:
    endpoint.play(chat=[step])
    outcome = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(outcome, Unanswered)
    assert "refused" in outcome.reason
    assert len(endpoint.calls()) == 1


def test_f35_the_budget_stops_before_it_is_exceeded_and_the_next_run_goes_on(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(10)
    with pytest.raises(LmmrecError, match=r"LMMREC_CHAT_BUDGET_USD=0\.001 is reached"):
        ask(endpoint, home, requests, budget_usd=0.001, concurrency=2)
    paid = len(endpoint.calls())
    assert 0 < paid < 10
    assert sum(row[2] for row in attempts(home)) <= 0.001
    outcomes = ask(endpoint, home, requests, budget_usd=1.0)
    assert len(endpoint.calls()) == 10
    assert all(isinstance(outcome, Answered) for outcome in outcomes.values())


def test_a_budget_on_a_model_without_a_price_is_refused_before_any_call(endpoint: Endpoint, home: Path) -> None:
    with pytest.raises(LmmrecError, match="price of my-model is not known"):
        ask(endpoint, home, some_requests(1), model="my-model", budget_usd=1.0)
    assert endpoint.calls() == []


def test_the_ledger_holds_every_attempt_of_the_server_log_and_its_cost(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"status": 500}, {"content": "no"}, {"status": 400}, {"refusal": "no"}])
    outcomes = ask(endpoint, home, some_requests(6), concurrency=2)
    rows, calls = attempts(home), endpoint.calls()
    assert sorted(row[0] for row in rows) == sorted(call["status"] for call in calls)
    answered = sum(call["status"] == 200 for call in calls)
    assert sum(row[2] for row in rows) == pytest.approx(answered * COST)
    assert sum(outcome.usage.cost_usd for outcome in outcomes.values()) == pytest.approx(answered * COST)
    assert sum(outcome.usage.calls for outcome in outcomes.values()) == len(calls)


def test_no_more_requests_are_in_flight_than_allowed(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"delay_s": 0.05} for _ in range(20)])
    ask(endpoint, home, some_requests(20), concurrency=3)
    peak = max(call["in_flight"] for call in endpoint.calls())
    assert 2 <= peak <= 3


def test_f34_the_key_reaches_the_endpoint_and_nothing_else(
    endpoint: Endpoint, home: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    message = f"Incorrect API key provided: {KEY}"
    refused = {"match": "Fan 0", "status": 400, "body": {"error": {"message": message}}, "always": True}
    endpoint.play(chat=[refused, {"content": "no"}])
    outcomes = ask(endpoint, home, some_requests(3), concurrency=1)
    assert isinstance(outcomes["0"], Unanswered)
    assert KEY not in repr(outcomes)
    endpoint.play(chat=[{"status": 401, "body": {"error": {"message": message}}}])
    with pytest.raises(LmmrecError) as raised:
        ask(endpoint, home, some_requests(1, "New {}."))
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert KEY.encode() not in stored
    assert KEY not in caplog.text + "".join(capfd.readouterr())
    assert all(call["authorization"] for call in endpoint.calls())


def test_without_key_and_endpoint_nothing_is_called(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    model = chat_model(ChatConfig(kind="openai", store=home / "llm.sqlite"))
    with pytest.raises(LmmrecError, match="OPENAI_API_KEY is not set"):
        list(model.complete(some_requests(1)))


def test_an_endpoint_of_ones_own_needs_no_key(endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert isinstance(ask(endpoint, home, some_requests(1))["0"], Answered)


def test_f21_a_store_that_is_no_database_is_refused_before_any_call(endpoint: Endpoint, home: Path) -> None:
    (home / "llm.sqlite").write_text("this is no database, but it is long enough to be read as one " * 20)
    with pytest.raises(LmmrecError, match="cannot be used"):
        ask(endpoint, home, some_requests(1))
    assert endpoint.calls() == []


ODD_REPLIES = {
    "no choices": {"id": "x", "choices": []},
    "choices of another type": {"choices": "none"},
    "null message": {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
    "null content": {"choices": [{"index": 0, "message": {"role": "assistant", "content": None}}]},
    "a list": ["no", "object"],
    "a number": 7,
}


@pytest.mark.parametrize("body", ODD_REPLIES.values(), ids=ODD_REPLIES.keys())
def test_f8_a_reply_of_another_shape_is_asked_for_again_and_its_cost_is_estimated(
    endpoint: Endpoint, home: Path, body: Any
) -> None:
    endpoint.play(chat=[{"body": body}])
    assert isinstance(ask(endpoint, home, some_requests(1))["0"], Answered)
    with sqlite3.connect(home / "llm.sqlite") as connection:
        rows = connection.execute("SELECT outcome, estimated, cost_usd > 0 FROM attempts ORDER BY number").fetchall()
    assert rows == [("reask", 1, 1), ("ok", 0, 1)]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5}, []])
def test_f8_where_tokens_are_not_counted_they_are_estimated(endpoint: Endpoint, home: Path, usage: Any) -> None:
    endpoint.play(chat=[{"usage": usage}])
    outcome = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(outcome, Answered)
    assert outcome.usage.tokens > 400
    with sqlite3.connect(home / "llm.sqlite") as connection:
        assert connection.execute("SELECT estimated FROM attempts").fetchall() == [(1,)]


def test_f9_content_in_parts_is_put_together(endpoint: Endpoint, home: Path) -> None:
    request = some_requests(1)[0]
    raw = json.dumps(answer_to(request.user))
    parts = [{"type": "text", "text": raw[:20]}, {"type": "text", "text": raw[20:]}, {"type": "image"}]
    endpoint.play(chat=[{"content": parts}])
    assert isinstance(ask(endpoint, home, [request])["0"], Answered)
    assert len(endpoint.calls()) == 1


@pytest.mark.parametrize("fault", [{"close_mid_body": True}, {"reset": True}, {"drip_s": 30.0}], ids=str)
def test_f5_broken_and_endless_replies_are_retried_and_leave_no_connection_open(
    endpoint: Endpoint, home: Path, fault: dict[str, Any]
) -> None:
    endpoint.play(chat=[fault])
    assert isinstance(ask(endpoint, home, some_requests(1), timeout_s=1.0)["0"], Answered)
    assert [row[:2] for row in attempts(home)] == [(None, "retry"), (200, "ok")]
    deadline = time.monotonic() + 5
    while endpoint.state()["connections"] > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert endpoint.state()["connections"] == 1


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1/v1", "http://nowhere.invalid/v1"], ids=["refused", "no such name"]
)
def test_f3_f5_an_endpoint_that_is_down_stops_the_run_after_a_bounded_number_of_calls(
    base_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.language.gateway.Breaker", partial(Breaker, probe_waits_s=(0.01, 0.01)))
    monkeypatch.setattr("models.language.gateway.backoff_s", lambda attempt, source: 0.01)
    model = chat_model(ChatConfig(kind="openai", base_url=base_url, store=home / "llm.sqlite", concurrency=8))
    with pytest.raises(LmmrecError, match="failed at everything"):
        list(model.complete(some_requests(200)))
    assert 40 <= len(attempts(home)) <= 60


def test_f1_headers_that_say_nothing_is_left_hold_the_next_request(endpoint: Endpoint, home: Path) -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}
    endpoint.play(chat=[{"headers": spent}])
    started = time.monotonic()
    ask(endpoint, home, some_requests(3), concurrency=1)
    first, second, third = (call["at"] for call in endpoint.calls())
    assert second - first >= 0.9
    assert third - second < 0.9
    assert time.monotonic() - started < 5


def test_f1_an_endpoint_with_a_rate_limit_is_used_without_giving_anything_up(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(settings={"requests_per_minute": 1_200})
    outcomes = ask(endpoint, home, some_requests(60), concurrency=32)
    assert all(isinstance(outcome, Answered) for outcome in outcomes.values())
    assert len(endpoint.calls()) < 90


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    ("refused", "last"),
    [(["json_schema"], "json_object"), (["json_schema", "json_object"], None)],
    ids=["no schema", "no structured output"],
)
def test_an_endpoint_without_structured_output_is_spoken_to_more_plainly_and_its_answers_are_found_again(
    endpoint: Endpoint, home: Path, refused: list[str], last: str | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.language.gateway.backoff_s", lambda attempt, source: 0.01)
    endpoint.play(settings={"refuse_response_format": refused, "refuse_status": status})
    requests = some_requests(20)
    assert all(isinstance(outcome, Answered) for outcome in ask(endpoint, home, requests, concurrency=2).values())
    calls = endpoint.calls()
    assert calls[-1]["request"].get("response_format", {}).get("type") == last
    assert sum(call["status"] == status for call in calls) <= 2 * 2 * len(refused) * (4 if status == 500 else 1)
    ask(endpoint, home, requests)
    assert len(endpoint.calls()) == len(calls)


def test_a_model_with_other_parameters_gets_them(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(settings={"refuse_parameters": ["max_tokens", "temperature"]})
    assert all(isinstance(outcome, Answered) for outcome in ask(endpoint, home, some_requests(8)).values())
    last = endpoint.calls()[-1]["request"]
    assert "max_completion_tokens" in last
    assert "temperature" not in last


def test_one_bad_row_teaches_nothing_about_the_endpoint(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"match": "Fan 0", "status": 400, "message": "too long", "always": True}])
    outcomes = ask(endpoint, home, some_requests(10), concurrency=1)
    assert isinstance(outcomes["0"], Unanswered)
    good = [call for call in endpoint.calls() if call["status"] == 200]
    assert {call["request"]["response_format"]["type"] for call in good} == {"json_schema"}
    assert len(good) == 9
    assert len(endpoint.calls()) <= 9 + 3


def test_f35_one_row_costs_no_more_than_its_cap(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(chat=[{"content": "no", "always": True}])
    outcome = ask(endpoint, home, some_requests(1), row_tokens=2_000)["0"]
    assert isinstance(outcome, Unanswered)
    assert "LMMREC_CHAT_ROW_TOKENS" in outcome.reason
    assert len(endpoint.calls()) == 1
    assert outcome.usage.tokens <= 2_000


def test_equal_prompts_far_apart_are_paid_once(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(300)
    late = requests[0]
    twin = ChatRequest("twin", late.entity, late.system, late.user, late.sources, late.max_words, late.prompt_version)
    outcomes = ask(endpoint, home, [*requests, twin], concurrency=8)
    assert len(endpoint.calls()) == 300
    assert outcomes["twin"].usage.cost_usd == 0


def test_outcomes_come_in_the_order_of_the_requests_and_requests_are_drawn_as_needed(
    endpoint: Endpoint, home: Path
) -> None:
    endpoint.play(settings={"latency_s": [0.0, 0.05]})
    requests, drawn, ahead = some_requests(400), 0, 0

    def stream() -> Iterator[ChatRequest]:
        nonlocal drawn
        for request in requests:
            drawn += 1
            yield request

    model = chat_model(config_for(endpoint, home, concurrency=4))
    ids = []
    for outcome in model.complete(stream()):
        ids.append(outcome.id)
        ahead = max(ahead, drawn - len(ids))
    assert ids == [request.id for request in requests]
    assert ahead < 200
