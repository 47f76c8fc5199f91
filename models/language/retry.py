"""What a failed attempt means, and how long to wait before the next.

The SDK's own retries are switched off, so these are the only ones. The decision rests on status and error code, not on
words, which differ between vendors for the same thing. Nothing here knows what was asked.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from models.language.verdict import Abort, Failure, Quarantine, Retry

MAX_ATTEMPTS = 8
"""Attempts of one request, the first included: with 30 % random failures one request in 15,000 is given up."""
MAX_TURNED_AWAY = 24
"""Attempts of one request that an endpoint may turn away for being too many: they say nothing against the request."""
LONGEST_WAIT_S = 120.0
"""Longest Retry-After that is obeyed; an endpoint that asks for more stops the run instead of holding it."""
_FIRST_WAIT_S, _LONGEST_BACKOFF_S = 0.5, 20.0
_STOPS = {
    401: "the endpoint does not accept the API key: check OPENAI_API_KEY",
    403: "the API key may not use this endpoint or model",
    404: "the endpoint or the model does not exist: check OPENAI_BASE_URL and the model name",
}
_SECRET = re.compile(r"(sk|key|Bearer)[-_ ][A-Za-z0-9_\-*.]{6,}", re.IGNORECASE)


def judge(error: Exception, secret: str) -> Failure:
    """What an exception of the SDK means.

    Args:
        error: as raised by the SDK; a ValueError is a body that is no JSON. Anything else is a bug, and is raised again.
        secret: the API key, which is removed from every text.
    """
    import openai

    if not isinstance(error, openai.APIStatusError):
        if not isinstance(error, (openai.APIError, TimeoutError, ValueError)):
            raise error
        return Retry(f"no response ({type(error).__name__})")
    status, code = error.status_code, _detail(error, "code") or _detail(error, "type")
    if status in _STOPS:
        return Abort(f"{_STOPS[status]} (HTTP {status})", status)
    if code == "insufficient_quota":
        return Abort("the account has no credit left (insufficient_quota): check billing", status)
    if status in (408, 409, 429) or status >= 500:
        wait = retry_after_s(error.response.headers)
        if wait is not None and wait > LONGEST_WAIT_S:
            return Abort(f"the endpoint asks to wait {wait:,.0f} s (HTTP {status}): run again later", status)
        return Retry(f"HTTP {status}", status, wait)
    message = redact(str(error.message), secret)[:200]
    return Quarantine(f"HTTP {status}: {message}", status, _detail(error, "param"))


def backoff_s(attempt: int, random_source: random.Random) -> float:
    """Seconds before the attempt after `attempt`: doubling from half a second, at most 20, with up to 25 % taken off."""
    longest: float = min(_LONGEST_BACKOFF_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1))
    return longest * (1 - 0.25 * random_source.random())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers ask to wait; None where they say nothing usable (garbage, infinite, past)."""
    if (wait := _number(headers.get("retry-after-ms"))) is not None:
        return wait / 1000
    stated = headers.get("retry-after")
    if (wait := _number(stated)) is not None:
        return wait
    try:
        moment = parsedate_to_datetime(stated or "").timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    left: float = moment - time.time()
    return left if left > 0 else None


def redact(text: str, secret: str) -> str:
    """`text` without the key and without anything that looks like one."""
    return _SECRET.sub("[key]", text.replace(secret, "[key]") if secret else text)


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _detail(error: Any, name: str) -> str | None:
    """A field of the structured error that most endpoints send."""
    body: dict[str, Any] = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    nested: dict[str, Any] = inner if isinstance(inner, dict) else body
    value = nested.get(name)
    return value if isinstance(value, str) else None
