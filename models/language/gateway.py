"""The door to an OpenAI-compatible endpoint: one attempt after another, each in the ledger, none past the budget.

Chat and embeddings both go through here, so that keys, retries, waiting and money are handled once. What is asked and how
an answer is read belongs to the callers.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.errors import LmmrecError
from models.language.chat import Usage
from models.language.prices import Price, find_price
from models.language.retry import MAX_ATTEMPTS, Failure, backoff_s, judge
from models.language.store import Attempt, Store

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY = "OPENAI_API_KEY"
TIMEOUT_S = 120.0
_FREE = Price(0.0, 0.0)


class GivenUpError(Exception):
    """One request stays without an answer; the run goes on."""

    def __init__(self, reason: str, retryable: bool, usage: Usage) -> None:
        super().__init__(reason)
        self.reason, self.retryable, self.usage = reason, retryable, usage


@dataclass
class Gateway:
    """Calls of one run to one model."""

    endpoint: str
    """`chat` or `embeddings`."""
    model: str
    base_url: str | None
    budget_usd: float | None
    store: Store
    _reserved_usd: float = 0.0
    """Estimated cost of what is in flight."""
    _halt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the run stops: whoever waits for a retry gives up at once."""
    _random: random.Random = field(default_factory=random.Random)
    _secret: str = ""
    _spent_usd: float | None = None
    """In the ledger of this home; read once, then kept up."""

    def client(self) -> AsyncOpenAI:
        """A client with the key of this moment; close it after use.

        Raises:
            LmmrecError: there is no key, and no endpoint of one's own that may need none.
        """
        from openai import AsyncOpenAI

        self._secret = os.environ.get(KEY, "")
        if not self._secret and self.base_url is None:
            raise LmmrecError(
                f"{KEY} is not set: set it, point OPENAI_BASE_URL to an endpoint that needs none, or use "
                "LMMREC_CHAT=extractive and LMMREC_ENCODER=minilm, which call nobody."
            )
        return AsyncOpenAI(api_key=self._secret or "none", base_url=self.base_url, max_retries=0, timeout=TIMEOUT_S)

    async def call(
        self, name: str, attempt: Callable[[], Awaitable[Any]], expected_tokens: tuple[int, int], first: int = 1
    ) -> tuple[Any, Usage, int]:
        """(response, what it took, number of the last attempt) of one request, however many attempts that takes.

        Args:
            name: hash of the request, for the ledger.
            attempt: sends it once; the response has `usage` as the SDK gives it.
            expected_tokens: (input, output) for the budget and where the endpoint does not count.
            first: number of the first attempt in the ledger.

        Raises:
            GivenUpError: this request cannot be answered.
            LmmrecError: no request can be answered any more, or the budget is reached.
        """
        usage = Usage()
        for number in range(first, first + MAX_ATTEMPTS):
            started = time.monotonic()
            reserved = self._reserve(expected_tokens)
            try:
                response = await attempt()
            except Exception as error:
                failure = judge(error, self._secret)
                latency = time.monotonic() - started
                self._record(name, number, failure.status, failure.kind, Usage(calls=1), False, latency)
                usage += Usage(calls=1)
            else:
                took, estimated = self._usage(response, expected_tokens)
                self._record(name, number, 200, "ok", took, estimated, time.monotonic() - started)
                return response, usage + took, number
            finally:
                self._reserved_usd -= reserved
            self._stop(failure, usage)
            await self._pause(failure.wait_s if failure.wait_s is not None else backoff_s(number, self._random), usage)
        raise GivenUpError(f"no answer after {MAX_ATTEMPTS} attempts ({failure.reason})", True, usage)

    def _stop(self, failure: Failure, usage: Usage) -> None:
        if failure.kind == "abort":
            self._halt.set()
            raise LmmrecError(f"{self.model}: {failure.reason}; what was answered before is kept.")
        if failure.kind == "quarantine":
            raise GivenUpError(failure.reason, False, usage)

    async def _pause(self, seconds: float, usage: Usage) -> None:
        """Wait, unless the run stops meanwhile."""
        try:
            await asyncio.wait_for(self._halt.wait(), seconds)
        except TimeoutError:
            return
        raise GivenUpError("the run was stopped", True, usage)

    def _reserve(self, tokens: tuple[int, int]) -> float:
        """Estimated dollars of one attempt, set aside until it is over."""
        price = find_price(self.model)
        if self.budget_usd is None:
            return 0.0
        if price is None:
            raise LmmrecError(
                f"LMMREC_CHAT_BUDGET_USD is set, but the price of {self.model} is not known: unset it for a model that costs "
                "nothing, or add the model to models/language/prices.json."
            )
        if self._spent_usd is None:
            self._spent_usd = self.store.spent_usd()
        spent, cost = self._spent_usd, price.of(*tokens)
        if spent + self._reserved_usd + cost > self.budget_usd:
            self._halt.set()
            raise LmmrecError(
                f"LMMREC_CHAT_BUDGET_USD={self.budget_usd:g} is reached: {spent:.4f} USD are in the ledger of this home and "
                f"the next call may cost {cost:.4f}; all answers are kept, raise the budget and run again to go on."
            )
        self._reserved_usd += cost
        return cost

    def _usage(self, response: Any, expected: tuple[int, int]) -> tuple[Usage, bool]:
        """(what the response took, whether that had to be estimated)."""
        stated: Any = getattr(response, "usage", None)
        read = getattr(stated, "prompt_tokens", None)
        tokens = expected if read is None else (int(read), int(getattr(stated, "completion_tokens", 0) or 0))
        return Usage(*tokens, cost_usd=(find_price(self.model) or _FREE).of(*tokens), calls=1), read is None

    def _record(
        self, name: str, number: int, status: int | None, outcome: str, usage: Usage, estimated: bool, latency_s: float
    ) -> None:
        if self._spent_usd is not None:
            self._spent_usd += usage.cost_usd
        self.store.record(
            Attempt(
                self.endpoint,
                self.model,
                name,
                number,
                status,
                outcome,
                usage.input_tokens,
                usage.output_tokens,
                estimated,
                usage.cost_usd,
                latency_s,
            )
        )
