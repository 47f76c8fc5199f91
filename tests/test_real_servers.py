"""The same `lmmrec run` against different servers, with nothing but their address and model name set.

The scripted endpoint answers well and the gate opens; a real server with a model of random weights answers gibberish, which
the gate refuses with a reason.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from assets.lake import Address, Lake
from tests.llm_server import running_endpoint
from tests.orchestration import shop
from tests.real_servers import LLAMA_CPP, TRANSFORMERS, RealServer, missing, running

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ITEMS, USERS = 6, 8


@pytest.fixture
def small_shop(home: Path) -> Path:
    """A home that knows a shop of a few items."""
    reviews = shop.write_reviews(home / "reviews.csv", shop.reviews(users=USERS, items=ITEMS, per_user=3))
    shop.declare(home, shop=shop.entry(reviews, core=1))
    return home


def motivations_by(home: Path, base_url: str, model: str) -> subprocess.CompletedProcess[str]:
    """`lmmrec run shop --until motivations` with an endpoint of one's own."""
    settings = {
        "LMMREC_HOME": str(home),
        "LMMREC_CHAT": "openai",
        "LMMREC_CHAT_MODEL": model,
        "LMMREC_CHAT_CONCURRENCY": "2",
        "OPENAI_BASE_URL": base_url,
    }
    command = [
        sys.executable,
        "-c",
        "from orchestration.cli import main; main()",
        "run",
        "shop",
        "--until",
        "motivations",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"} | settings
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=540)


def is_made(home: Path, asset: str) -> bool:
    return Lake(home).record(Address(asset, "shop")) is not None


def test_the_run_passes_the_gate_where_answers_are_good(small_shop: Path, tmp_path: Path) -> None:
    with running_endpoint(tmp_path) as endpoint:
        run = motivations_by(small_shop, endpoint.base_url, "gpt-4o-mini")
        assert run.returncode == 0, run.stderr
        assert len(endpoint.calls("chat")) == ITEMS + USERS
    assert is_made(small_shop, "validated_motivations")


@pytest.mark.parametrize("server", [TRANSFORMERS, LLAMA_CPP], ids=lambda server: server.name)
def test_the_gibberish_of_a_real_server_ends_at_the_gate_with_a_reason(
    small_shop: Path, tmp_path: Path, server: RealServer
) -> None:
    if reason := missing(server):
        pytest.skip(
            f"{server.name} is not installed ({reason}): pip install 'lmmrec[real-servers]', or name an interpreter that has "
            "it in REAL_SERVERS_PYTHON"
        )
    with running(server, tmp_path) as (base_url, model):
        run = motivations_by(small_shop, base_url, model)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert "at least 95% of the prompts have a valid answer (answered): observed 0.0" in run.stderr
    assert not is_made(small_shop, "validated_motivations")
    with sqlite3.connect(small_shop / "llm.sqlite") as connection:
        answered = connection.execute(
            "SELECT count(*), min(input_tokens), max(estimated) FROM attempts WHERE status = 200"
        ).fetchone()
        kept = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    calls, fewest_tokens, estimated = answered
    assert calls >= ITEMS
    assert fewest_tokens > 0
    assert not estimated
    assert kept == 0
