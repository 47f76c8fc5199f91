"""What tokens cost: the price table `prices.json`, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def times(self, share: float) -> Price:
        """A share of it."""
        return Price(share * self.input, share * self.output)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def find_price(model: str) -> Price | None:
    """The price of `model`, also of a dated version of it (`gpt-4o-mini-2024-07-18`); None where it is not listed."""
    table = _table()
    dated = [name for name in table if model == name or model.startswith(f"{name}-20")]
    return table[max(dated, key=len)] if dated else None


def batch_share() -> float:
    """Share of the price that a request of a batch costs."""
    return float(_listed()["batch_share"])


@lru_cache(maxsize=1)
def _table() -> dict[str, Price]:
    return {name: Price(**price) for name, price in _listed()["models"].items()}


@lru_cache(maxsize=1)
def _listed() -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))
    return listed
