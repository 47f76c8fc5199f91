"""Slow twin of UIST's score: one pair, one pair of levels at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def level_rows(id_row: np.ndarray, tokens: Sequence[int], tables: Sequence[np.ndarray]) -> list[np.ndarray]:
    """x^(0) of one node at levels 0 … L."""
    rows = [id_row]
    for token, table in zip(tokens, tables, strict=True):
        rows.append(rows[-1] + table[token])
    return rows


def score(user_levels: Sequence[np.ndarray], item_levels: Sequence[np.ndarray], weights: np.ndarray) -> float:
    """sum_ab w_ab <x_u^(a), x_i^(b)>."""
    total = 0.0
    for a, user in enumerate(user_levels):
        for b, item in enumerate(item_levels):
            total += weights[a, b] * float(user @ item)
    return total
