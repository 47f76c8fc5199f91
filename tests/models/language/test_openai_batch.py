"""The batch backend over real HTTP: answers joined by id, nothing submitted twice, a ledger that equals the bill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import render
from models.errors import LmmrecError
from models.language.chat import Answered, ChatConfig, ChatRequest, Outcome, Source, Unanswered
from models.language.chat_models import chat_model
from tests.llm_server import INPUT_TOKENS, OUTPUT_TOKENS, Endpoint, answer_to

pytestmark = pytest.mark.integration

KEY = "sk-test-BATCH-SECRET-0123456789"
HALF = (INPUT_TOKENS * 0.15 + OUTPUT_TOKENS * 0.60) / 1e6 / 2
"""Dollars of one answer of gpt-4o-mini in a batch."""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def some_requests(count: int) -> list[ChatRequest]:
    sources = [
        [Source("title", "title", f"Fan {n}"), Source("r1", "review", f"A quiet fan {n}.")] for n in range(count)
    ]
    return [render("item", str(n), shown, PromptConfig()) for n, shown in enumerate(sources)]


def config_for(base_url: str, home: Path, **changes: Any) -> ChatConfig:
    given: dict[str, Any] = {
        "kind": "openai-batch",
        "base_url": base_url,
        "store": home / "llm.sqlite",
        "batch_poll_s": 0.02,
    }
    return ChatConfig(**(given | changes))


def ask(endpoint: Endpoint, home: Path, requests: list[ChatRequest], **changes: Any) -> dict[str, Outcome]:
    outcomes = list(chat_model(config_for(endpoint.base_url, home, **changes)).complete(requests))
    assert [outcome.id for outcome in outcomes] == [request.id for request in requests]
    return {outcome.id: outcome for outcome in outcomes}


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "llm.sqlite") as connection:
        return connection.execute(query).fetchall()


def assert_all_answered(requests: list[ChatRequest], outcomes: dict[str, Outcome]) -> None:
    for request in requests:
        outcome = outcomes[request.id]
        assert isinstance(outcome, Answered), outcome
        assert outcome.answer.summary == answer_to(request.user)["summary"]


def assert_the_ledger_equals_the_bill(endpoint: Endpoint, home: Path) -> None:
    """Every line that the server worked off is in the ledger once, to the token and at half the price."""
    billed = Counter(
        (call["custom_id"], call["input_tokens"], call["output_tokens"]) for call in endpoint.calls("line")
    )
    ledger = rows(
        home,
        "SELECT request_sha256, input_tokens, output_tokens FROM attempts WHERE endpoint = 'batch' AND status NOT NULL",
    )
    assert Counter(ledger) == billed
    (spent,) = rows(home, "SELECT sum(cost_usd) FROM attempts")[0]
    tokens = sum(call["input_tokens"] * 0.15 + call["output_tokens"] * 0.60 for call in endpoint.calls("line"))
    assert spent == pytest.approx(tokens / 1e6 / 2)


def test_a_batch_answers_each_request_under_its_own_id_at_half_the_price(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(12)
    outcomes = ask(endpoint, home, requests)
    assert_all_answered(requests, outcomes)
    assert len(endpoint.calls("create")) == 1
    assert len(endpoint.calls("chat")) == 0
    assert sum(outcome.usage.cost_usd for outcome in outcomes.values()) == pytest.approx(12 * HALF)
    assert_the_ledger_equals_the_bill(endpoint, home)


@pytest.mark.parametrize("first", ["openai", "openai-batch"])
def test_either_backend_finds_the_answers_of_the_other(endpoint: Endpoint, home: Path, first: str) -> None:
    requests = some_requests(4)
    other = {"openai": "openai-batch", "openai-batch": "openai"}[first]
    ask(endpoint, home, requests, kind=first)
    asked = len(endpoint.calls())
    outcomes = ask(endpoint, home, requests, kind=other)
    assert all(isinstance(outcome, Answered) and outcome.cached for outcome in outcomes.values())
    assert len(endpoint.calls()) == asked


def test_equal_prompts_are_one_line_and_paid_once(endpoint: Endpoint, home: Path) -> None:
    one = some_requests(1)[0]
    twin = ChatRequest("twin", one.entity, one.system, one.user, one.sources, one.max_words, one.prompt_version)
    outcomes = ask(endpoint, home, [one, twin])
    assert len(endpoint.calls("line")) == 1
    assert sum(outcome.usage.cost_usd for outcome in outcomes.values()) == pytest.approx(HALF)


def test_an_estimate_is_half_of_that_online(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(7)
    online, batch = (
        chat_model(config_for(endpoint.base_url, home, kind=kind)).expense(requests)
        for kind in ("openai", "openai-batch")
    )
    assert online.cost_usd
    assert batch.cost_usd == pytest.approx(online.cost_usd / 2)
    assert batch.calls == online.calls == 7


def test_f16_a_request_beyond_what_one_batch_takes_goes_into_the_next(
    endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.language.openai_batch.MAX_LINES", 4)
    requests = some_requests(10)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 3
    monkeypatch.setattr(
        "models.language.openai_batch.MAX_BYTES", 3 * max(call["bytes"] for call in endpoint.calls("upload")) // 4
    )
    more = some_requests(30)[10:]
    assert_all_answered(more, ask(endpoint, home, more))
    assert len(endpoint.calls("create")) > 3 + 5


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_f16_what_a_batch_did_not_do_goes_into_the_next_and_the_rest_is_kept(
    endpoint: Endpoint, home: Path, end: str
) -> None:
    endpoint.play(batches=[{"end": end, "answered": 0.6}])
    requests = some_requests(10)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 2
    assert Counter(call["custom_id"] for call in endpoint.calls("line")).most_common(1)[0][1] == 1
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_f16_partial_torn_doubled_and_foreign_lines_are_joined_by_id_or_left_aside(
    endpoint: Endpoint, home: Path
) -> None:
    endpoint.play(
        batches=[{"duplicates": 3, "unknown": 2}, {"torn": True}],
        lines=[{"match": "Fan 3", "missing": True}, {"match": "Fan 5", "missing": True}],
    )
    requests = some_requests(10)
    assert_all_answered(requests, ask(endpoint, home, requests))
    lines = Counter(call["custom_id"] for call in endpoint.calls("line") if not call["missing"])
    assert len(lines) == 10
    assert [len(endpoint.calls(kind)) for kind in ("upload", "create")] == [3, 3]


def test_f16_an_error_file_alone_is_read(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(lines=[{"status": 500}, {"status": 429}, {"status": 500}])
    requests = some_requests(3)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_f16_a_batch_that_brings_nothing_is_given_up_after_a_bounded_number(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(lines=[{"missing": True, "always": True}])
    outcome = ask(endpoint, home, some_requests(1))["0"]
    assert isinstance(outcome, Unanswered)
    assert outcome.retryable
    assert len(endpoint.calls("create")) == 6


def test_f16_a_file_that_is_refused_as_a_whole_stops_with_its_reason(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(batches=[{"end": "failed", "code": "model_not_found", "message": "The model does not exist."}])
    with pytest.raises(LmmrecError, match=r"model_not_found: The model does not exist\., line 1"):
        ask(endpoint, home, some_requests(3))
    requests = some_requests(3)
    assert_all_answered(requests, ask(endpoint, home, requests))


def test_f16_a_full_queue_makes_batches_smaller_and_one_after_another(endpoint: Endpoint, home: Path) -> None:
    full = {"end": "failed", "code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
    endpoint.play(batches=[full])
    requests = some_requests(8)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 3
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_unusable_answers_are_asked_for_again_twice_in_later_batches(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(
        lines=[
            {"match": "Fan 1", "content": "no"},
            {"match": "Fan 2", "content": "no", "always": True},
            {"match": "Fan 3", "finish_reason": "length", "content": "{"},
            {"match": "Fan 4", "refusal": "I cannot"},
        ]
    )
    outcomes = ask(endpoint, home, some_requests(5))
    assert [type(outcomes[str(n)]) for n in range(5)] == [Answered, Answered, Unanswered, Answered, Unanswered]
    assert len(endpoint.calls("create")) == 3
    asked = [call["request"] for call in endpoint.calls("line")]
    assert Counter(len(request["messages"]) for request in asked) == {2: 6, 3: 3}
    assert len({request["max_tokens"] for request in asked}) == 2
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_a_form_that_the_endpoint_refuses_gives_way_to_a_plainer_one(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(settings={"refuse_response_format": ["json_schema"], "refuse_parameters": ["max_tokens"]})
    requests = some_requests(4)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 3


def test_a_form_that_the_endpoint_answers_500_gives_way_to_a_plainer_one(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(settings={"refuse_response_format": ["json_schema"], "refuse_status": 500})
    requests = some_requests(4)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 3


def test_an_empty_account_stops_the_run_after_one_batch(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(lines=[{"match": "Fan 2", "status": 429, "code": "insufficient_quota", "always": True}])
    with pytest.raises(LmmrecError, match="insufficient_quota"):
        ask(endpoint, home, some_requests(4))
    assert len(endpoint.calls("create")) == 1
    endpoint.play()
    ask(endpoint, home, some_requests(4))
    assert len([call for call in endpoint.calls("line") if call["status"] == 200]) == 4


def test_f35_a_budget_is_held_before_anything_is_submitted(endpoint: Endpoint, home: Path) -> None:
    requests = some_requests(10)
    expense = chat_model(config_for(endpoint.base_url, home)).expense(requests)
    assert expense.cost_usd is not None
    with pytest.raises(LmmrecError, match="LMMREC_CHAT_BUDGET_USD"):
        ask(endpoint, home, requests, budget_usd=0.9 * expense.cost_usd)
    assert endpoint.calls() == []
    assert_all_answered(requests, ask(endpoint, home, requests, budget_usd=1.1 * expense.cost_usd))


def test_an_endpoint_without_batches_says_what_to_set(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(settings={"without_batches": True})
    with pytest.raises(LmmrecError, match="LMMREC_CHAT=openai"):
        ask(endpoint, home, some_requests(2))


@pytest.mark.parametrize("kind", ["upload", "create", "retrieve", "download"])
@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"close": True}, {"close_mid_body": True}], ids=["500", "lost", "cut"]
)
def test_a_call_around_a_batch_that_fails_is_repeated_and_submits_nothing_twice(
    endpoint: Endpoint, home: Path, kind: str, fault: dict[str, Any]
) -> None:
    endpoint.play(**{kind: [fault]})
    requests = some_requests(3)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len([call for call in endpoint.calls("create") if call["status"] in (0, 200)]) == 1
    assert len(endpoint.calls("line")) == 3
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_f34_the_key_is_nowhere_but_in_the_request(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(batches=[{"end": "failed", "code": "bad_key", "message": f"Incorrect API key provided: {KEY}"}])
    with pytest.raises(LmmrecError) as raised:
        ask(endpoint, home, some_requests(2))
    ask(endpoint, home, some_requests(2))
    assert KEY not in str(raised.value)
    assert KEY.encode() not in b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def started(endpoint: Endpoint, home: Path, count: int, before: str = "") -> subprocess.Popen[bytes]:
    """A process of its own that asks `count` requests."""
    code = (
        "import sys; from pathlib import Path; from tests.models.language import test_openai_batch as t\n"
        f"{before}\n"
        "model = t.chat_model(t.config_for(sys.argv[1], Path(sys.argv[2])))\n"
        "list(model.complete(t.some_requests(int(sys.argv[3]))))\n"
    )
    command = [sys.executable, "-c", code, endpoint.base_url, str(home), str(count)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OPENAI_API_KEY": KEY}, start_new_session=True)


def killed_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, "the process ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def submitted_in_book(home: Path) -> bool:
    try:
        return bool(rows(home, "SELECT 1 FROM batches WHERE state = 'submitted'"))
    except sqlite3.Error:
        return False


POINTS: dict[str, tuple[dict[str, Any], Callable[[Endpoint, Path], bool]]] = {
    "while the reply to the upload is out": (
        {"upload": [{"delay_s": 5}]},
        lambda endpoint, home: bool(endpoint.calls("upload")),
    ),
    "while the reply to the submission is out": (
        {"create": [{"delay_s": 5}]},
        lambda endpoint, home: bool(endpoint.calls("create")),
    ),
    "between submission and first look": (
        {"batches": [{"takes_s": 1.5}]},
        lambda endpoint, home: submitted_in_book(home),
    ),
    "between two looks": (
        {"batches": [{"takes_s": 1.5}]},
        lambda endpoint, home: len(endpoint.calls("retrieve")) >= 2,
    ),
    "between the last look and the collection": (
        {"download": [{"delay_s": 5}]},
        lambda endpoint, home: bool(endpoint.calls("download")),
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_f17_a_run_that_is_killed_finds_its_batch_again_and_pays_once(
    endpoint: Endpoint, home: Path, point: str
) -> None:
    script, reached = POINTS[point]
    endpoint.play(**script)
    killed_when(started(endpoint, home, 6), lambda: reached(endpoint, home))
    requests = some_requests(6)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("create")) == 1
    assert len(endpoint.calls("line")) == 6
    assert_the_ledger_equals_the_bill(endpoint, home)


@pytest.mark.parametrize(
    "where", ["models.language.openai_batch.Store.write", "models.language.openai_batch.BatchBook.collected"]
)
def test_f17_a_run_that_is_killed_while_it_writes_answers_down_counts_each_once(
    endpoint: Endpoint, home: Path, where: str
) -> None:
    module, owner, method = where.rsplit(".", 2)
    before = (
        f"import os, signal, {module} as m\n"
        "m._COLLECTED_AT_ONCE, calls = 2, []\n"
        f"real = m.{owner}.{method}\n"
        "def dying(*a, **k):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*a, **k)\n"
        f"m.{owner}.{method} = dying\n"
    )
    endpoint.play(lines=[{"match": "Fan 4", "content": "no"}])
    assert started(endpoint, home, 6, before).wait(timeout=60) == -signal.SIGKILL
    requests = some_requests(6)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert len(endpoint.calls("line")) == 7
    assert_the_ledger_equals_the_bill(endpoint, home)


def test_a_batch_of_another_pass_is_left_to_it(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(batches=[{"takes_s": 3600}])
    killed_when(started(endpoint, home, 3), lambda: submitted_in_book(home))
    others = some_requests(8)[5:]
    assert_all_answered(others, ask(endpoint, home, others))
    assert len(rows(home, "SELECT 1 FROM batches WHERE state = 'submitted'")) == 1


def test_requests_that_are_under_way_are_not_submitted_again_beside_new_ones(endpoint: Endpoint, home: Path) -> None:
    endpoint.play(batches=[{"takes_s": 1.0}])
    killed_when(started(endpoint, home, 3), lambda: submitted_in_book(home))
    requests = some_requests(5)
    assert_all_answered(requests, ask(endpoint, home, requests))
    assert Counter(call["custom_id"] for call in endpoint.calls("line")).most_common(1)[0][1] == 1
    assert len(endpoint.calls("create")) == 2
