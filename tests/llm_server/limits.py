"""Rate limits as OpenAI announces them: buckets of requests and tokens that refill evenly, and headers that say so."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.llm_server.script import Settings


@dataclass
class _Bucket:
    per_minute: int
    left: float = -1.0
    at: float = field(default_factory=time.monotonic)

    def refill(self) -> None:
        now = time.monotonic()
        full = float(self.per_minute)
        self.left = full if self.left < 0 else min(full, self.left + (now - self.at) * full / 60)
        self.at = now

    def headers(self, name: str) -> dict[str, str]:
        missing = self.per_minute - self.left
        return {
            f"x-ratelimit-limit-{name}": str(self.per_minute),
            f"x-ratelimit-remaining-{name}": str(max(0, int(self.left))),
            f"x-ratelimit-reset-{name}": f"{missing * 60 / self.per_minute:.3f}s",
        }


class RateLimits:
    """The buckets of one script."""

    def __init__(self, settings: Settings) -> None:
        self._buckets = {
            name: _Bucket(per_minute)
            for name, per_minute in (("requests", settings.requests_per_minute), ("tokens", settings.tokens_per_minute))
            if per_minute is not None
        }

    def take(self, tokens: int) -> tuple[dict[str, str], float | None]:
        """(headers, seconds to wait where the limit is reached); what is refused takes nothing."""
        wanted = {"requests": 1, "tokens": tokens}
        for bucket in self._buckets.values():
            bucket.refill()
        waits = [
            (wanted[name] - bucket.left) * 60 / bucket.per_minute
            for name, bucket in self._buckets.items()
            if bucket.left < wanted[name]
        ]
        if not waits:
            for name, bucket in self._buckets.items():
                bucket.left -= wanted[name]
        headers = {k: v for name, bucket in self._buckets.items() for k, v in bucket.headers(name).items()}
        return headers, max(waits, default=None)
