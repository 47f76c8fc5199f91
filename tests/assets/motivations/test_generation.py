"""A whole generation over real HTTP: storms, kills, stops, budgets; nothing lost, nothing invalid, nothing paid twice.

How often it is killed: `GENERATION_KILLS=20 pytest tests/assets/motivations/test_generation.py` kills 20 times.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.motivations.generate import write_motivations
from assets.motivations.tables import read_motivations
from models.errors import LmmrecError
from models.language.chat import ChatConfig
from models.language.chat_models import chat_model
from models.language.motivation import MotivationAnswer
from tests.assets.motivations.many import Folders, start_generation, write_many
from tests.llm_server import INPUT_TOKENS, OUTPUT_TOKENS, Endpoint, running_endpoint

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("GENERATION_KILLS", "6"))

MODEL_PRICE = (0.15, 0.60)
"""Of gpt-4o-mini, US dollars per million tokens."""
STORM = [
    {"share": 0.06, "step": {"status": 500}},
    {"share": 0.05, "step": {"status": 429, "headers": {"Retry-After": "0.05"}}},
    {"share": 0.03, "step": {"close": True}},
    {"share": 0.02, "step": {"reset": True}},
    {"share": 0.03, "step": {"content": "I think people like it."}},
    {"share": 0.03, "step": {"content": '{"reasoning": [], "active": [], "summary": "too little"}'}},
    {"share": 0.02, "step": {"cut_content": 40, "finish_reason": "length"}},
    {"share": 0.02, "step": {"content": None}},
    {"share": 0.02, "step": {"refusal": "I cannot help with that."}},
    {"share": 0.02, "step": {"status": 400, "message": "content rejected"}},
]
"""Thirty requests in a hundred go wrong, in ten ways."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-generation")
    server.play()
    server.log.write_text("")
    return server


def generate(endpoint: Endpoint, folders: Folders, home: Path, **changes: Any) -> dict[str, Any]:
    config = {"kind": "openai", "base_url": endpoint.base_url, "store": home / "llm.sqlite", "concurrency": 32}
    out = home / "item_motivations"
    out.mkdir(exist_ok=True)
    return write_motivations("item", folders, chat_model(ChatConfig(**config | changes)), out)


def ledger(store: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(store) as connection:
        query = "SELECT status, input_tokens, output_tokens, cost_usd, outcome FROM attempts ORDER BY number"
        return connection.execute(query).fetchall()


def cost(input_tokens: int, output_tokens: int) -> float:
    return (input_tokens * MODEL_PRICE[0] + output_tokens * MODEL_PRICE[1]) / 1e6


def billed(endpoint: Endpoint) -> list[tuple[int, int]]:
    """(input, output) tokens of what the server answered and bills."""
    return [(call["input_tokens"], call["output_tokens"]) for call in endpoint.calls("chat") if call["status"] == 200]


def test_f3_f5_f7_f8_f10_a_storm_leaves_every_entity_valid_or_quarantined_and_the_ledger_equal_to_the_servers_log(
    endpoint: Endpoint, home: Path, tmp_path: Path
) -> None:
    count = 1_000
    folders = write_many(tmp_path / "inputs", count)
    endpoint.play(storm=STORM)
    counts = generate(endpoint, folders, home)
    rows = read_motivations(home / "item_motivations" / "motivations.parquet")
    assert rows["entity_idx"].tolist() == list(range(count))
    assert set(rows["provenance"]) == {"openai:gpt-4o-mini", "fallback"}
    answered = rows[rows["provenance"] != "fallback"]
    assert rows[rows["provenance"] == "fallback"]["reason"].str.len().min() > 0
    assert len(answered) > 0.9 * count
    assert all(summary.startswith("People choose it for") for summary in answered["summary"])
    with sqlite3.connect(home / "llm.sqlite") as connection:
        stored = [raw for (raw,) in connection.execute("SELECT raw FROM answers")]
    assert len(stored) == len(answered)
    for raw in stored:
        MotivationAnswer.model_validate_json(raw)
    calls, rows_of_ledger = endpoint.calls("chat"), ledger(home / "llm.sqlite")
    assert len(calls) <= 2.0 * count
    assert counts["calls"] == len(calls) == len(rows_of_ledger)
    assert Counter(row[0] or 0 for row in rows_of_ledger) == Counter(call["status"] for call in calls)
    tokens = billed(endpoint)
    for place in (0, 1):
        assert sum(row[1 + place] for row in rows_of_ledger) == sum(one[place] for one in tokens)
    assert sum(row[3] for row in rows_of_ledger) == pytest.approx(sum(cost(*one) for one in tokens), abs=0.005)
    table = (home / "item_motivations" / "motivations.parquet").read_bytes()
    assert generate(endpoint, folders, home)["calls"] == 0
    assert len(endpoint.calls("chat")) == len(calls)
    assert (home / "item_motivations" / "motivations.parquet").read_bytes() == table


def cpu_s_of_children() -> float:
    """Of those that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_f17_kills_lose_no_answer_and_the_table_is_the_undisturbed_one(
    endpoint: Endpoint, home: Path, tmp_path: Path
) -> None:
    count, concurrency, kills = 2_000, 32, KILLS
    write_many(tmp_path / "inputs", count)
    endpoint.play(settings={"latency_s": [0.02, 0.12], "log_requests": False})
    undisturbed = start_generation(
        tmp_path / "inputs", home / "whole", endpoint.base_url, home / "whole.sqlite", concurrency
    )
    assert undisturbed.wait(timeout=120) == 0, undisturbed.stderr.read() if undisturbed.stderr else ""
    endpoint.log.write_text("")
    drawn, killed, store = random.Random(7), 0, home / "killed.sqlite"
    while True:
        process = start_generation(tmp_path / "inputs", home / "killed", endpoint.base_url, store, concurrency)
        if killed == kills:
            assert process.wait(timeout=120) == 0
            break
        begun = len(endpoint.calls("chat"))
        until = begun + drawn.randrange(10, 150)
        while process.poll() is None and len(endpoint.calls("chat")) < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
        assert not (home / "killed" / "motivations.parquet").exists()
    served = len(billed(endpoint))
    with sqlite3.connect(store) as connection:
        kept = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    assert kept == count
    assert count <= served <= count + kills * concurrency
    whole, resumed = (home / name / "motivations.parquet" for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()
    asked = len(endpoint.calls("chat"))
    before = cpu_s_of_children()
    again = start_generation(tmp_path / "inputs", home / "again", endpoint.base_url, store, concurrency)
    answer, _ = again.communicate(timeout=20)
    assert cpu_s_of_children() - before < 5  # a busy machine makes the same work last longer
    assert json.loads(answer)["calls"] == 0
    assert len(endpoint.calls("chat")) == asked
    assert (home / "again" / "motivations.parquet").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_f19_a_stopped_generation_ends_within_ten_seconds_and_keeps_what_was_answered(
    endpoint: Endpoint, home: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    write_many(tmp_path / "inputs", 400)
    endpoint.play(settings={"latency_s": 0.3})
    process = start_generation(tmp_path / "inputs", home / "out", endpoint.base_url, home / "llm.sqlite", 8)
    while len(endpoint.calls("chat")) < 60:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(sent)
    started = time.monotonic()
    process.wait(timeout=10)
    assert time.monotonic() - started < 10
    assert process.returncode != 0
    with sqlite3.connect(home / "llm.sqlite") as connection:
        kept = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    assert kept >= len(billed(endpoint)) - 8
    assert not (home / "out" / "motivations.parquet").exists()
    endpoint.play()
    again = start_generation(tmp_path / "inputs", home / "out", endpoint.base_url, home / "llm.sqlite", 8)
    answer, _ = again.communicate(timeout=60)
    assert json.loads(answer)["answers_reused"] == kept


def test_f35_the_budget_is_exceeded_by_no_more_than_what_is_in_flight_and_the_ledger_is_the_servers_log(
    endpoint: Endpoint, home: Path, tmp_path: Path
) -> None:
    folders, budget, concurrency = write_many(tmp_path / "inputs", 300), 0.01, 16
    endpoint.play(settings={"latency_s": 0.02})
    with pytest.raises(LmmrecError, match=r"LMMREC_CHAT_BUDGET_USD=0\.01 is reached"):
        generate(endpoint, folders, home, budget_usd=budget, concurrency=concurrency)
    spent = sum(row[3] for row in ledger(home / "llm.sqlite"))
    assert spent == pytest.approx(sum(cost(*one) for one in billed(endpoint)))
    assert 0.5 * budget < spent <= budget + concurrency * cost(INPUT_TOKENS, OUTPUT_TOKENS)
    generate(endpoint, folders, home, budget_usd=1.0)
    assert len(billed(endpoint)) == 300


def test_only_entities_whose_prompt_changed_are_asked_again(endpoint: Endpoint, home: Path, tmp_path: Path) -> None:
    generate(endpoint, write_many(tmp_path / "before", 50), home)
    assert len(endpoint.calls("chat")) == 50
    counts = generate(endpoint, write_many(tmp_path / "after", 60), home)
    assert (counts["answers_reused"], counts["calls"]) == (50, 10)
    assert len(endpoint.calls("chat")) == 60
