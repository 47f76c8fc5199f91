"""Paired rounds to medians and ratios, and results to text and JSON. Nothing here measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


def paired_ratios(ours: Sequence[float], other: Sequence[float]) -> list[float]:
    """other / ours of each round; above 1 means that ours is faster.

    >>> paired_ratios([1.0, 2.0], [3.0, 4.0])
    [3.0, 2.0]
    """
    return [theirs / own for own, theirs in zip(ours, other, strict=True)]


def summary(rounds: Mapping[str, Sequence[float]], ours: str) -> dict[str, dict[str, Any]]:
    """By implementation: median seconds, the ratio to `ours` in each round and their median, least and largest.

    Args:
        rounds: implementation -> wall seconds, one value a round; round r of all of them belongs together.
        ours: the implementation that the others are measured by.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, seconds in rounds.items():
        ratios = paired_ratios(rounds[ours], seconds)
        found[name] = {
            "median_s": median(seconds),
            "ratios": ratios,
            "ratio": median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }
    return found


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first to the left, the others to the right.

    >>> print(text_table(["what", "s"], [["ours", "0.1"], ["peer", "10"]]))
    what    s
    ours  0.1
    peer   10
    """
    widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
    lines = []
    for first, *others in (columns, *rows):
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def figure(value: float | None, digits: int = 3) -> str:
    """Three digits that mean something.

    >>> figure(0.01234), figure(12.345), figure(1234.5), figure(None)
    ('0.0123', '12.3', '1234', '–')
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:#.{digits}g}".rstrip(".")


def write_result(name: str, result: Mapping[str, Any]) -> Path:
    """Puts a result beside the others and returns where."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return target
