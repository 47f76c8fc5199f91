"""What a failure means, how long to wait, what tokens cost, and that secrets are cut out."""

from __future__ import annotations

import random
import time
from email.utils import formatdate

import pytest

from models.language.prices import find_price
from models.language.retry import MAX_ATTEMPTS, backoff_s, judge, redact, retry_after_s

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "300"}, 300.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 100000 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_f1_only_a_usable_retry_after_is_obeyed(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_f1_a_date_counts_from_now() -> None:
    wait = retry_after_s({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert wait is not None
    assert 27 < wait <= 30


def test_backoff_doubles_within_bounds() -> None:
    waits = [backoff_s(attempt, random.Random(1)) for attempt in range(1, MAX_ATTEMPTS)]
    assert all(0.375 * 2**n <= wait <= min(20, 0.5 * 2**n) for n, wait in enumerate(waits) if n < 5)
    assert max(waits) <= 20


def test_a_bug_of_ours_is_not_taken_for_a_fault_of_the_endpoint() -> None:
    with pytest.raises(TypeError, match="ours"):
        judge(TypeError("ours"), "")


def test_f34_keys_are_cut_out_of_messages() -> None:
    assert redact("bad key my-own-secret here", "my-own-secret") == "bad key [key] here"
    assert "abcdef" not in redact("Incorrect API key provided: sk-proj-abcdef123456.", "")


def test_a_dated_model_costs_what_its_name_costs_and_an_unknown_one_has_no_price() -> None:
    assert find_price("gpt-4o-mini-2024-07-18") == find_price("gpt-4o-mini")
    assert find_price("gpt-4o-2024-08-06") == find_price("gpt-4o") != find_price("gpt-4o-mini")
    assert find_price("my-llama") is None
    price = find_price("gpt-4o-mini")
    assert price is not None
    assert price.of(1_000_000, 1_000_000) == pytest.approx(0.75)
