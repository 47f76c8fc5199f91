"""What rate-limit headers mean, whatever endpoints write into them."""

from __future__ import annotations

import pytest

from models.language.rate_limits import LONGEST_PAUSE_S, duration_s, pause_s

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3s", 3723), ("1.5", 1.5), ("0s", 0), ("", None), ("soon", None),
     ("-3", None), ("inf", None), ("nan", None), ("3 s", None), ("5d", None)],
)  # fmt: skip
def test_f1_durations_are_read_as_they_are_written(text: str, seconds: float | None) -> None:
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def headers(kind: str, left: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{kind}": left, f"x-ratelimit-reset-{kind}": reset}


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 0),
        (headers("requests", "1", "9s"), 0),
        (headers("requests", "0", "9s"), 9),
        (headers("tokens", "99", "7s"), 7),
        (headers("tokens", "100", "7s"), 0),
        (headers("requests", "0", "2s") | headers("tokens", "0", "5s"), 5),
        (headers("requests", "0", "whenever"), 0),
        (headers("requests", "none", "9s"), 0),
        (headers("requests", "0", "24h"), LONGEST_PAUSE_S),
    ],
)
def test_f1_a_pause_is_made_where_the_next_request_would_not_fit(given: dict[str, str], seconds: float) -> None:
    assert pause_s(given, tokens=100) == pytest.approx(seconds)
