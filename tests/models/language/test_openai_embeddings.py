"""Embeddings over real HTTP: rows by their index, no unusable vector passes, the bad text is found, all is in the ledger."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import LmmrecError
from models.language.encoders import EncoderConfig, TextEncoder, load_encoder
from models.language.encoders.openai_embeddings import MOST_CULPRITS, TEXTS_AT_ONCE
from tests.llm_server import DIMENSION, TEXT_TOKENS, Endpoint, vector_of

pytestmark = pytest.mark.integration

KEY = "sk-test-secret-embeddings"
MODEL = "text-embedding-3-small"


class Kept:
    """Keeps in memory."""

    def __init__(self, dimension: int | None = None) -> None:
        self.dimension = dimension
        self.vectors: dict[int, Any] = {}

    def keep(self, rows: Sequence[int], vectors: Any) -> None:
        assert not self.vectors.keys() & set(rows)
        self.vectors.update(zip(rows, vectors, strict=True))


@pytest.fixture
def remote(endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch) -> TextEncoder:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = EncoderConfig("openai", MODEL, base_url=endpoint.base_url, store=home / "llm.sqlite", concurrency=2)
    return load_encoder(config)


def expected(texts: Sequence[str]) -> Any:
    return np.array([vector_of(text) for text in texts], dtype=np.float32)


def some_texts(count: int) -> list[str]:
    return [f"text number {n} about tea" for n in range(count)]


def sizes(endpoint: Endpoint) -> list[int]:
    return [len(call["request"]["input"]) for call in endpoint.calls("embeddings")]


def test_f15_rows_follow_the_stated_index_not_the_order_of_arrival(remote: TextEncoder, endpoint: Endpoint) -> None:
    texts = some_texts(150)
    endpoint.play(embeddings=[{"scramble": True, "delay_s": 0.2}, {"scramble": True}])
    vectors = remote.encode(texts)
    assert vectors.shape == (150, DIMENSION)
    assert vectors.dtype == np.float32
    assert (vectors == expected(texts)).all()
    assert sorted(sizes(endpoint)) == [22, 64, 64]


def embeddings(*rows: tuple[Any, Any]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": at, "embedding": row} for at, row in rows]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 20, "total_tokens": 20}}


def packed(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


FULL = [0.5] * DIMENSION
UNUSABLE: dict[str, Any] = {
    "none": embeddings(),
    "too many": embeddings((0, FULL), (1, FULL), (2, FULL)),
    "same index twice": embeddings((0, FULL), (0, FULL)),
    "doubled and whole": embeddings((0, FULL), (1, FULL), (1, FULL)),
    "index from one": embeddings((1, FULL), (2, FULL)),
    "index is text": embeddings(("0", FULL), ("1", FULL)),
    "dimensions differ": embeddings((0, FULL), (1, FULL[1:])),
    "zero": embeddings((0, [0.0] * DIMENSION), (1, FULL)),
    "empty": embeddings((0, []), (1, [])),
    "infinite": embeddings((0, [1e400, *FULL[1:]]), (1, FULL)),
    "too large for float32": embeddings((0, [1e300, *FULL[1:]]), (1, FULL)),
    "not a number": embeddings((0, [float("nan"), *FULL[1:]]), (1, FULL)),
    "null among numbers": embeddings((0, [None, *FULL[1:]]), (1, FULL)),
    "numbers as text": embeddings((0, ["1.0"] * DIMENSION), (1, FULL)),
    "nested": embeddings((0, [FULL]), (1, [FULL])),
    "null": embeddings((0, None), (1, None)),
    "no base64": embeddings((0, "%%%"), (1, "%%%")),
    "torn base64": embeddings((0, packed(*FULL)[:-6]), (1, packed(*FULL))),
    "base64 with NaN": embeddings((0, packed(float("nan"), *FULL[1:])), (1, packed(*FULL))),
    "no data": {"object": "list", "usage": {"prompt_tokens": 20, "total_tokens": 20}},
    "a list": [1, 2],
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_f15_an_unusable_reply_is_asked_for_again_and_no_vector_of_it_passes(
    remote: TextEncoder, endpoint: Endpoint, body: Any
) -> None:
    endpoint.play(embeddings=[{"body": body}])
    kept = Kept()
    assert (remote.encode(["a", "b"], kept) == expected(["a", "b"])).all()
    assert (np.array([kept.vectors[0], kept.vectors[1]]) == expected(["a", "b"])).all()
    assert len(endpoint.calls()) == 2
    endpoint.play(embeddings=[{"body": body, "always": True}])
    kept = Kept()
    with pytest.raises(LmmrecError, match="no usable vectors for 2 of 2 texts"):
        remote.encode(["c", "d"], kept)
    assert kept.vectors == {}


def test_f15_base64_is_asked_for_and_floats_are_taken_all_the_same(remote: TextEncoder, endpoint: Endpoint) -> None:
    endpoint.play(embeddings=[{"body": embeddings((0, vector_of("a")), (1, packed(*vector_of("b"))))}])
    assert (remote.encode(["a", "b"]) == expected(["a", "b"])).all()
    assert endpoint.calls()[0]["request"]["encoding_format"] == "base64"


def test_an_endpoint_that_knows_no_base64_is_asked_for_floats_from_then_on(
    remote: TextEncoder, endpoint: Endpoint
) -> None:
    endpoint.play(embeddings=[{"match": "base64", "status": 400, "always": True}])
    texts = some_texts(5 * TEXTS_AT_ONCE)
    assert (remote.encode(texts) == expected(texts)).all()
    formats = [call["request"]["encoding_format"] for call in endpoint.calls()]
    assert formats.count("float") == 5
    assert 1 <= formats.count("base64") <= 2


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "message": "text number 37 about tea is too long for this model"},
        {"vectors": {"number 37 ": [float("nan")] * DIMENSION}},
    ],
    ids=["rejected", "unusable vector"],
)
def test_f15_a_batch_is_halved_until_the_bad_text_stands_alone_and_only_it_fails(
    remote: TextEncoder, endpoint: Endpoint, fault: dict[str, Any]
) -> None:
    texts = some_texts(150)
    endpoint.play(embeddings=[{"match": "number 37 ", "always": True} | fault])
    kept = Kept()
    with pytest.raises(LmmrecError, match=r"1 of 150 texts, the first is number 37 \(sha256 [0-9a-f]{16}") as raised:
        remote.encode(texts, kept)
    assert "about tea" not in str(raised.value)
    assert set(kept.vectors) == set(range(150)) - {37}
    assert (np.array([kept.vectors[row] for row in sorted(kept.vectors)]) == expected(texts[:37] + texts[38:])).all()
    assert len(endpoint.calls()) <= 3 + 2 * 6 + 3


def test_a_batch_that_is_too_large_for_the_endpoint_blames_no_text_and_later_ones_are_smaller(
    remote: TextEncoder, endpoint: Endpoint
) -> None:
    texts = some_texts(10 * TEXTS_AT_ONCE)
    endpoint.play(settings={"max_texts": TEXTS_AT_ONCE // 2})
    assert (remote.encode(texts) == expected(texts)).all()
    assert max(sizes(endpoint)[10:]) == TEXTS_AT_ONCE // 2


def test_texts_that_are_all_refused_stop_the_run_soon(remote: TextEncoder, endpoint: Endpoint) -> None:
    endpoint.play(embeddings=[{"status": 400, "always": True, "message": "no embeddings here"}])
    with pytest.raises(LmmrecError, match="no embeddings here"):
        remote.encode(some_texts(2000))
    assert len(endpoint.calls()) < 10 * MOST_CULPRITS


@pytest.mark.parametrize("before", [None, 24], ids=["within a run", "against kept vectors"])
def test_f15_another_dimension_than_before_is_refused_and_nothing_of_it_is_kept(
    remote: TextEncoder, endpoint: Endpoint, before: int | None
) -> None:
    texts = some_texts(3 * TEXTS_AT_ONCE)
    other = {"match": f"number {2 * TEXTS_AT_ONCE} ", "always": True, "vectors": {"text": [1.0] * (DIMENSION + 1)}}
    endpoint.play(embeddings=[other])
    kept = Kept(before)
    with pytest.raises(LmmrecError, match=r"dimensions.*LMMREC_ENCODER_MODEL"):
        remote.encode(texts, kept)
    assert {len(vector) for vector in kept.vectors.values()} <= {DIMENSION}
    assert (before is None) == bool(kept.vectors)


def test_a_batch_holds_no_more_tokens_than_the_endpoint_takes(remote: TextEncoder, endpoint: Endpoint) -> None:
    texts = [f"{n} " + "word " * 4_000 for n in range(40)]
    assert (remote.encode(texts) == expected(texts)).all()
    assert max(sizes(endpoint)) == 11
    assert max(sum(map(len, call["request"]["input"])) for call in endpoint.calls()) <= 4 * 60_000


def test_every_attempt_is_in_the_ledger_to_the_token(remote: TextEncoder, endpoint: Endpoint, home: Path) -> None:
    storm = [{"share": 0.3, "step": {"status": 500}, "kind": "embeddings"}]
    endpoint.play(embeddings=[{"body": embeddings((0, FULL))}], storm=storm)
    remote.encode(some_texts(6 * TEXTS_AT_ONCE))
    with sqlite3.connect(home / "llm.sqlite") as connection:
        rows = connection.execute("SELECT status, input_tokens, cost_usd, endpoint FROM attempts").fetchall()
    calls = endpoint.calls()
    assert sorted((row[0], row[1]) for row in rows) == sorted((call["status"], call["input_tokens"]) for call in calls)
    billed = sum(call["input_tokens"] for call in calls)
    assert billed == TEXT_TOKENS * 6 * TEXTS_AT_ONCE + 20
    assert sum(row[2] for row in rows) == pytest.approx(billed * 0.02 / 1e6)
    assert {row[3] for row in rows} == {"embeddings"}


def test_what_came_before_a_stop_is_kept_though_older_batches_are_still_out(
    remote: TextEncoder, endpoint: Endpoint
) -> None:
    slow = {"match": "number 0 ", "delay_s": 0.5}
    endpoint.play(embeddings=[slow, {"match": f"number {2 * TEXTS_AT_ONCE} ", "status": 401}])
    kept = Kept()
    with pytest.raises(LmmrecError, match="OPENAI_API_KEY"):
        remote.encode(some_texts(3 * TEXTS_AT_ONCE), kept)
    paid = sum(len(call["request"]["input"]) for call in endpoint.calls() if call["status"] == 200)
    assert len(kept.vectors) == paid == 2 * TEXTS_AT_ONCE


def test_a_wrong_key_stops_embeddings_after_one_call(remote: TextEncoder, endpoint: Endpoint) -> None:
    endpoint.play(embeddings=[{"status": 401, "always": True}])
    with pytest.raises(LmmrecError, match="OPENAI_API_KEY"):
        remote.encode(["a"])
    assert len(endpoint.calls()) == 1


def test_f12_a_lone_surrogate_does_not_reach_the_endpoint_and_stops_nobody(
    remote: TextEncoder, endpoint: Endpoint
) -> None:
    assert (remote.encode(["tea", "broken \ud800 text"]) == expected(["tea", "broken ? text"])).all()
    assert len(endpoint.calls()) == 1


def test_no_texts_call_nobody(remote: TextEncoder, endpoint: Endpoint) -> None:
    assert remote.encode([]).shape == (0, 0)
    assert endpoint.calls() == []
