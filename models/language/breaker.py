"""A circuit breaker: when nothing comes through any more, one request at a time finds out when something does.

It opens after a run of failures without a single success between them. While it is open everybody waits, and one probe after
another goes out, at growing distance; the first success closes it, and after the last probe the endpoint counts as down.
What a failure is, is the caller's word.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

FAILURES = 40
"""Failures in a row that open it: with 30 % random failures this happens once in 10^20 requests."""
PROBE_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Before each probe; one minute in all."""


@dataclass
class Breaker:
    """Belongs to one event loop."""

    failures: int = FAILURES
    probe_waits_s: tuple[float, ...] = PROBE_WAITS_S
    _in_a_row: int = 0
    _probes: int = 0
    """Probes that were sent since it opened."""
    _probing: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open(self) -> bool:
        return self._in_a_row >= self.failures

    @property
    def down(self) -> bool:
        """True after the last probe failed."""
        return self.open and not self._probing and self._probes >= len(self.probe_waits_s)

    async def passage(self) -> bool:
        """Returns when a request may go out, or the endpoint is down; True where the request is the probe."""
        while self.open and not self.down:
            if self._probing:
                await self._changed.wait()
                continue
            self._probing = True
            try:
                await asyncio.sleep(self.probe_waits_s[self._probes])
            except asyncio.CancelledError:
                self._end_probe()
                raise
            self._probes += 1
            return True
        return False

    def succeeded(self) -> None:
        self._in_a_row = self._probes = 0
        self._end_probe()

    def failed(self, probe: bool) -> None:
        """A request failed; `probe` as `passage` said, so that late failures of older requests end no probe."""
        self._in_a_row += 1
        if probe:
            self._end_probe()

    def _end_probe(self) -> None:
        self._probing = False
        self._changed.set()
        self._changed = asyncio.Event()
