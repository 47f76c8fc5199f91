"""The words behind a motivation: from the source ids that it cites to what the prompt showed under them.

Quotes come from the stored prompts, so they are what the language model really saw: train text alone. Choosing and cutting
them is done here; what is a motivation and what it may cite belongs to the motivations stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from assets.evaluation.lookup import printable
from assets.evaluation.phrases import similarity
from assets.lake import Address, Lake
from assets.tables import connect

QUOTES_SHOWN = 2
_LENGTH = 160
_WRITTEN = ("review", "description")
"""Kinds of text that people wrote; summaries and titles are quoted only where there is none of these."""


@dataclass(frozen=True)
class Quote:
    """One piece of text that a prompt showed."""

    source_id: str
    kind: str
    text: str


def quotes_of(lake: Lake, dataset: str, entity: str, position: int) -> list[Quote]:
    """Everything that the prompt about a user or item showed; empty where there was no prompt (ready texts).

    Args:
        entity: `user` or `item`.
        position: its `user_idx` or `item_idx`.
    """
    address = Address(f"{entity}_prompts", dataset)
    if lake.record(address) is None:
        return []
    with connect() as connection:
        found = connection.execute(
            "SELECT sources FROM read_parquet(?) WHERE entity_idx = ?",
            [str(lake.path(address) / "prompts.parquet"), position],
        ).fetchone()
    if found is None or not found[0]:
        return []
    return [
        Quote(str(source["source_id"]), str(source.get("kind", "")), printable(str(source.get("text") or "")))
        for source in json.loads(found[0])
    ]


def cited(motivation: str, evidence: Iterable[str], quotes: Iterable[Quote], limit: int = QUOTES_SHOWN) -> list[str]:
    """The cited quotes that say it best: most words in common first; what people wrote, where there is such."""
    ids = set(evidence)
    known = [quote for quote in quotes if quote.source_id in ids and quote.text]
    written = [quote for quote in known if quote.kind in _WRITTEN]
    ranked = sorted(written or known, key=lambda quote: -similarity(motivation, quote.text, {}))
    return list(dict.fromkeys(shortened(quote.text) for quote in ranked))[:limit]


def shortened(text: str) -> str:
    """At most 160 characters, cut between words."""
    if len(text) <= _LENGTH:
        return text
    return text[:_LENGTH].rsplit(" ", 1)[0] + " …"
