"""A few motivations as a Markdown table for the UI, with everything that strangers wrote made harmless."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from assets.motivations.tables import MotivationRow
from models.language.text import clean

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_LINK = re.compile(r"(:(?=//)|\bwww\.(?=\w)|@(?=\w))", re.IGNORECASE)
"""What Markdown of the usual dialects makes a link of without being asked; a space after it ends that."""
_ROWS = 8
_CHARACTERS = 240


def sample_indices(count: int) -> frozenset[int]:
    """Evenly spread positions among `count`."""
    return frozenset(range(0, count, max(1, count // _ROWS))[:_ROWS])


def sample_table(rows: Sequence[MotivationRow]) -> str:
    """Id, summary, what speaks for and against, provenance."""
    lines = ["| id | summary | active | passive | provenance |", "|---|---|---|---|---|"]
    for row in rows:
        lists = [
            "; ".join(f"{m.motivation} ({m.strength:.2f})" for m in side[:4]) for side in (row.active, row.passive)
        ]
        lines.append("| " + " | ".join(map(escape, (row.entity_id, row.summary, *lists, row.provenance))) + " |")
    return "\n".join(lines)


def escape(text: str) -> str:
    """One cell: no control characters, no HTML, no Markdown, no pipe, nothing that turns into a link by itself.

    >>> escape("<b>a|b</b>")
    '&lt;b&gt;a\\\\|b&lt;/b&gt;'
    """
    short = _LINK.sub(r"\1 ", clean(text))
    short = short if len(short) <= _CHARACTERS else short[: _CHARACTERS - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", html.escape(short, quote=False))
