"""Ranking metrics with the one-user value as the primitive; every mean is the mean of these.

Hits and counts in, numbers out: who is ranked and what is hidden is decided in `evaluate`. Conventions are those of
docs/protocol.md; Recall divides by all relevant items, not by min(K, relevant).
"""

from __future__ import annotations

import numpy as np


def recall_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """|top-K ∩ T_u| / |T_u| per user. `hits` is (users, >= k) bool in rank order, `num_relevant` (users,) >= 1.

    >>> recall_at_k(np.array([[True, False, True]]), np.array([4]), k=3)
    array([0.5])
    """
    return np.asarray(hits[:, :k].sum(axis=1) / num_relevant)


def ndcg_at_k(hits: np.ndarray, num_relevant: np.ndarray, k: int) -> np.ndarray:
    """sum_{r<=K} hit_r / log2(r+1) over its best value, sum_{r<=min(K, |T_u|)} 1 / log2(r+1), per user.

    >>> ndcg_at_k(np.array([[True, False]]), np.array([1]), k=2)
    array([1.])
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))  # rank r = 1 … k
    width = min(k, hits.shape[1])
    gain = hits[:, :width] @ discount[:width]
    ideal = np.cumsum(discount)[np.minimum(num_relevant, k) - 1]
    return np.asarray(gain / ideal)


def coverage(lists: np.ndarray, num_items: int) -> float:
    """Share of the catalogue that appears in any list. `lists` is (users, k) int64 items, -1 where empty."""
    return np.count_nonzero(np.bincount(lists[lists >= 0], minlength=num_items)) / num_items


def gini(lists: np.ndarray, num_items: int) -> float:
    """Gini index of how often each item is shown: 0 where all are shown alike, near 1 where one item takes all."""
    shown = np.sort(np.bincount(lists[lists >= 0], minlength=num_items).astype(np.float64))
    total = shown.sum()
    if total == 0.0:
        return 0.0
    weight = 2.0 * np.arange(1, num_items + 1) - num_items - 1.0
    return float((weight @ shown) / (num_items * total))


def average_popularity(lists: np.ndarray, num_train: np.ndarray) -> float:
    """Mean number of train interactions of the shown items. `num_train` is (items,)."""
    shown = lists[lists >= 0]
    return float(num_train[shown].mean()) if len(shown) else 0.0
