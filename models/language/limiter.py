"""How many requests may be in flight: as many as the endpoint sustains, never more than allowed.

The bound starts low and grows by one with every accepted request until the endpoint turns one away. Then it falls to what the
endpoint still held, and one more is tried only after a long run without rejections; every further one after half as long, so
that an endpoint that has recovered is soon used again. What counts as turned away is the caller's word; why it was asked does
not matter here.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

FIRST_LIMIT = 8
PATIENCE = 100.0
"""Accepted requests after a rejection before one more is tried: about one rejection in a hundred."""


class Slot:
    """One place in flight."""

    accepted: bool | None = None
    """Set by the holder: False where the endpoint turned it away, True where it answered; None says nothing."""


class Limiter:
    """Bounds what is in flight; belongs to one event loop.

    Args:
        most: upper bound, as the user set it.
        clock: seconds that never run backwards.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self.limit = min(FIRST_LIMIT, most)
        """Requests in flight at once, now."""
        self.in_flight = 0
        self._patience, self._accepted = 1.0, 0
        """Accepted requests that one more takes, and those since the last step."""
        self._resume_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """A place in flight, as soon as there is one; those who came first go first."""
        if self._waiting or not self._room():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._wake()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._give_back()
                raise
        else:
            self.in_flight += 1
        slot = Slot()
        try:
            yield slot
        finally:
            if slot.accepted is not None:
                self._learn(slot.accepted)
            self._give_back()

    def pause(self, seconds: float) -> None:
        """Nothing new begins for so long."""
        self._resume_at = max(self._resume_at, self._clock() + seconds)

    def _learn(self, accepted: bool) -> None:
        if not accepted:
            self.limit = max(1, min(self.limit, self.in_flight - 1))
            self._patience, self._accepted = PATIENCE, 0
            return
        self._accepted += 1
        if self._accepted >= self._patience and self.limit < self._most:
            self.limit += 1
            self._patience, self._accepted = max(1.0, self._patience / 2), 0

    def _room(self) -> bool:
        return self.in_flight < self.limit and self._clock() >= self._resume_at

    def _give_back(self) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        """Let in whoever fits; where a pause holds everybody, come back at its end."""
        while self._waiting and self._room():
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
        left = self._resume_at - self._clock()
        if self._waiting and left > 0 and (self._timer is None or self._timer.cancelled()):
            self._timer = asyncio.get_running_loop().call_later(left, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._wake()
