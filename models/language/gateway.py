"""The door to an OpenAI-compatible endpoint: one attempt after another, each in the ledger, none past the budget.

Chat and embeddings both go through here, so that keys, retries, waiting and money are handled once. What is asked and how
an answer is read belongs to the callers; what a failure means is `retry.py`.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from models.errors import LmmrecError
from models.language.breaker import Breaker
from models.language.budget import Budget
from models.language.chat import Usage
from models.language.limiter import Limiter, Slot
from models.language.rate_limits import pause_s
from models.language.retry import MAX_ATTEMPTS, MAX_TURNED_AWAY, backoff_s, judge
from models.language.store import Answer, Attempt, Store
from models.language.verdict import Abort, Ok, Quarantine, Reask, Retry, Value, Verdict
from models.language.wire import Wire

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

KEY = "OPENAI_API_KEY"
TIMEOUT_S = 120.0
"""Of one attempt as a whole, so that an endpoint that drips bytes holds nobody."""
GRACE_S = 8.0
"""How long requests in flight may still take when the run is stopped: they are paid for."""
_SHARED_PAUSE_S = 2.0
"""A Retry-After of at least so long holds everybody; a shorter one the request that it answers."""


@dataclass(frozen=True)
class Called(Generic[Value]):
    """What a request came to after all its attempts."""

    verdict: Ok[Value] | Reask | Quarantine | Retry
    """A `Retry` is one attempt too many: the request is given up for now."""
    usage: Usage
    attempts: int
    """Number of the last attempt."""


class Gateway:
    """Calls of one run to one model; belongs to one event loop.

    Args:
        endpoint: `chat` or `embeddings`, for the ledger.
        model: name at the endpoint.
        base_url: None means the SDK's own default.
        store: ledger and answers.
        concurrency: requests in flight at once, at most.
        budget_usd: what the ledger of this home may hold at most; None means no bound.
        timeout_s: of one attempt.

    Raises:
        LmmrecError: there is a budget, and the price of the model is not known.
    """

    def __init__(
        self,
        endpoint: str,
        model: str,
        base_url: str | None,
        store: Store,
        concurrency: int,
        budget_usd: float | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._endpoint, self._model, self._base_url, self._store = endpoint, model, base_url, store
        self._timeout_s = timeout_s
        self._budget = Budget(model, budget_usd, store.spent_usd())
        self._limiter, self._breaker = Limiter(concurrency), Breaker()
        self._random, self._secret = random.Random(), ""
        self._stop = ""
        """Why nothing more is sent."""

    def client(self) -> AsyncOpenAI:
        """A client with the key of this moment; close it after use.

        Raises:
            LmmrecError: there is no key, and no endpoint of one's own that may need none.
        """
        return self._open()[0]

    def wire(self) -> Wire:
        """The same for JSON alone, and quicker; a context.

        Raises:
            LmmrecError: as `client`.
        """
        return Wire(*self._open())

    def _open(self) -> tuple[AsyncOpenAI, httpx2.AsyncClient]:
        from openai import AsyncOpenAI, DefaultAioHttpClient

        self._secret = os.environ.get(KEY, "")
        if not self._secret and self._base_url is None:
            raise LmmrecError(
                f"{KEY} is not set: set it, point OPENAI_BASE_URL to an endpoint that needs none, or use "
                "LMMREC_CHAT=extractive and LMMREC_ENCODER=minilm, which call nobody."
            )
        transport = DefaultAioHttpClient(event_hooks={"response": [self._heed]}, timeout=self._timeout_s)
        client = AsyncOpenAI(
            api_key=self._secret or "none",
            base_url=self._base_url,
            max_retries=0,
            timeout=self._timeout_s,
            http_client=transport,
        )
        return client, transport

    async def call(
        self,
        name: str,
        send: Callable[[], Awaitable[Any]],
        read: Callable[[Any], Verdict[Value]],
        expected_tokens: tuple[int, int],
        first: int = 1,
        failures: range = range(MAX_ATTEMPTS),
    ) -> Called[Value]:
        """One request, until it is answered or has failed often enough.

        Args:
            name: hash of the request, for the ledger and the store.
            send: sends it once and returns the decoded body, whatever it is.
            read: judges that body.
            expected_tokens: (input, output) for the budget and where the endpoint does not count.
            first: number of the first attempt in the ledger.
            failures: how often it has failed before, and how often it may have failed in the end.

        Raises:
            LmmrecError: no request can be answered any more, the budget is reached, or the store cannot be written.
        """
        usage, failed, turned_away, number = Usage(), failures.start, 0, first
        while True:
            verdict, took = await self._attempt(name, send, read, expected_tokens, number)
            usage += took
            if isinstance(verdict, Abort):
                raise self._stopped()
            if not isinstance(verdict, Retry):
                return Called(verdict, usage, number)
            failed, turned_away = failed + (not verdict.too_many), turned_away + verdict.too_many
            if failed == failures.stop or turned_away == MAX_TURNED_AWAY * len(failures) // MAX_ATTEMPTS:
                return Called(verdict, usage, number)
            wait_s = backoff_s(failed + turned_away, self._random) if verdict.wait_s is None else verdict.wait_s
            await asyncio.sleep(wait_s)
            number += 1

    async def _attempt(
        self,
        name: str,
        send: Callable[[], Awaitable[Any]],
        read: Callable[[Any], Verdict[Value]],
        expected: tuple[int, int],
        number: int,
    ) -> tuple[Verdict[Value], Usage]:
        """One attempt, when there is room for it; a stop of the run leaves it some time to come back."""
        probe = await self._breaker.passage()
        if self._breaker.down:
            self._stop = self._stop or "the endpoint has failed at everything for more than a minute"
        async with AsyncExitStack() as place:
            slot = await place.enter_async_context(self._limiter.slot())
            if self._stop:
                raise self._stopped()
            place.enter_context(self._budget.reserved(*expected))
            # The place goes along with what is paid for: the next request need not wait until this one hears of its end.
            paid = asyncio.ensure_future(
                self._in_place(place.pop_all(), slot, probe, self._paid_attempt(name, send, read, expected, number))
            )
        try:
            return await asyncio.shield(paid)
        except asyncio.CancelledError:
            await asyncio.wait({paid}, timeout=GRACE_S)
            paid.cancel()
            raise

    async def _in_place(
        self,
        place: AsyncExitStack,
        slot: Slot,
        probe: bool,
        attempt: Coroutine[Any, Any, tuple[Verdict[Value], Usage]],
    ) -> tuple[Verdict[Value], Usage]:
        """An attempt in its place in flight; what it came to decides who may follow."""
        async with place:
            verdict, usage = await attempt
            if isinstance(verdict, Abort):
                self._stop = verdict.reason
            elif isinstance(verdict, Retry):
                slot.accepted = False if verdict.too_many else None
                self._breaker.failed(probe)
            else:
                slot.accepted = True
                self._breaker.succeeded()
        return verdict, usage

    async def _paid_attempt(
        self,
        name: str,
        send: Callable[[], Awaitable[Any]],
        read: Callable[[Any], Verdict[Value]],
        expected: tuple[int, int],
        number: int,
    ) -> tuple[Verdict[Value], Usage]:
        """Sends, judges, and returns when ledger and answer are on disk."""
        started, status, usage, estimated = time.monotonic(), None, Usage(calls=1), False
        verdict: Verdict[Value]
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await send()
        except Exception as error:
            verdict = judge(error, self._secret)
            status = verdict.status
            if isinstance(verdict, Retry) and (verdict.wait_s or 0.0) >= _SHARED_PAUSE_S:
                self._limiter.pause(verdict.wait_s or 0.0)
        else:
            status, verdict = 200, read(body)
            usage, estimated = self._usage(body, expected)
        rows = [
            Attempt(
                self._endpoint,
                self._model,
                name,
                number,
                status,
                type(verdict).__name__.lower(),
                usage.input_tokens,
                usage.output_tokens,
                estimated,
                usage.cost_usd,
                time.monotonic() - started,
            )
        ]
        kept = [Answer(name, self._model, verdict.keep)] if isinstance(verdict, Ok) and verdict.keep is not None else []
        self._budget.spent_usd += usage.cost_usd
        await self._store.written(*rows, *kept)
        return verdict, usage

    def _usage(self, body: Any, expected: tuple[int, int]) -> tuple[Usage, bool]:
        """(what the response took, whether that had to be estimated)."""
        stated = body.get("usage") if isinstance(body, Mapping) else None
        stated = stated if isinstance(stated, Mapping) else {}
        read, written = stated.get("prompt_tokens"), stated.get("completion_tokens")
        written = 0 if self._endpoint == "embeddings" else written
        if isinstance(read, int) and isinstance(written, int) and min(read, written) >= 0:
            return Usage(read, written, self._budget.cost_usd(read, written), calls=1), False
        return Usage(*expected, cost_usd=self._budget.cost_usd(*expected), calls=1), True

    async def _heed(self, response: Any) -> None:
        """Hook of the transport: headers say what is left."""
        if (wait_s := pause_s(response.headers, tokens=1)) > 0:
            self._limiter.pause(wait_s)

    def _stopped(self) -> LmmrecError:
        return LmmrecError(f"{self._model}: {self._stop}; what was answered before is kept, run again to go on.")
