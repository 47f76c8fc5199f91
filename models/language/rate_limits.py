"""What the headers of a response say about when the next request will be welcome.

OpenAI's names (`x-ratelimit-remaining-requests`, `x-ratelimit-reset-requests`, the same for tokens), which most compatible
endpoints use. What is waited for in consequence is `limiter.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

LONGEST_PAUSE_S = 120.0
"""A longer pause is cut: the next response says anew what is left."""
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def pause_s(headers: Mapping[str, str], tokens: int) -> float:
    """Seconds until a request of `tokens` tokens fits again; 0 where it fits now or nothing usable is said."""
    needed = {"requests": 1, "tokens": tokens}
    waits = [
        seconds
        for kind, amount in needed.items()
        if (left := _amount(headers.get(f"x-ratelimit-remaining-{kind}"))) is not None
        and left < amount
        and (seconds := duration_s(headers.get(f"x-ratelimit-reset-{kind}", ""))) is not None
    ]
    return min(LONGEST_PAUSE_S, max(waits, default=0.0))


def duration_s(text: str) -> float | None:
    """Seconds of `1s`, `6m0s`, `20ms` or a plain number; None where it is none of them.

    >>> duration_s("6m0.5s")
    360.5
    """
    text = text.strip()
    if text and _PART.sub("", text) == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return _amount(text)


def _amount(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
