"""Money: what was spent, what is set aside for requests in flight, and when the next one no longer fits.

A request sets its expected cost aside before it is sent and hands it back when its true cost is known, so that a budget is
exceeded by no more than the error of the estimates in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import LmmrecError
from models.language.prices import Price, find_price

VARIABLE = "LMMREC_CHAT_BUDGET_USD"
_FREE = Price(0.0, 0.0)


class Budget:
    """Dollars of one run with one model.

    Args:
        model: whose price counts; a model without a listed price costs nothing.
        limit_usd: what the ledger of the home may hold at most; None means no bound.
        spent_usd: what it holds already.
        share: of the listed price that is paid, such as one half in batches.

    Raises:
        LmmrecError: there is a limit, and the price of the model is not known.
    """

    def __init__(self, model: str, limit_usd: float | None, spent_usd: float, share: float = 1.0) -> None:
        price = find_price(model)
        if limit_usd is not None and price is None:
            raise LmmrecError(
                f"{VARIABLE} is set, but the price of {model} is not known: unset it for a model that costs nothing, or add "
                "the model to models/language/prices.json."
            )
        self._price = (price or _FREE).times(share)
        self._limit_usd, self.spent_usd, self._reserved_usd = limit_usd, spent_usd, 0.0

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        return self._price.of(input_tokens, output_tokens)

    @contextmanager
    def reserved(self, input_tokens: int, output_tokens: int) -> Iterator[None]:
        """Sets the cost of so many tokens aside.

        Raises:
            LmmrecError: it no longer fits.
        """
        cost = self.cost_usd(input_tokens, output_tokens)
        if self._limit_usd is not None and self.spent_usd + self._reserved_usd + cost > self._limit_usd:
            raise LmmrecError(
                f"{VARIABLE}={self._limit_usd:g} is reached: {self.spent_usd:.4f} USD are in the ledger of this home and the "
                f"next call may cost {cost:.4f}; all answers are kept, raise the budget and run again to go on."
            )
        self._reserved_usd += cost
        try:
            yield
        finally:
            self._reserved_usd -= cost
