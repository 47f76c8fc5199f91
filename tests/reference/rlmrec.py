"""Slow twins of RLMRec's losses: one triple, one pair at a time, over the batch as it was drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tests.reference.lmmrec import cosine


def info_nce_sum(
    queries: Sequence[np.ndarray], own: Sequence[np.ndarray], keys: Sequence[np.ndarray], tau: float
) -> float:
    """Sum over queries of -log exp(cos(q, own) / tau) / sum over all keys of exp(cos(q, key) / tau)."""
    total = 0.0
    for query, mine in zip(queries, own, strict=True):
        total -= math.log(math.exp(cosine(query, mine) / tau) / sum(math.exp(cosine(query, key) / tau) for key in keys))
    return total


def reconstruction(mapped: np.ndarray, texts: np.ndarray, masked: Sequence[int], tau: float) -> float:
    """RLMRec-Gen: what is mapped from x of each masked node against the texts of all masked nodes; both (nodes, d_s)."""
    own = [texts[node] for node in masked]
    return info_nce_sum([mapped[node] for node in masked], own, own, tau) / len(masked)


def contrastive_alignment(
    x: np.ndarray,
    h: np.ndarray,
    triples: Sequence[tuple[int, int, int]],
    num_users: int,
    tau: float,
    everyone: bool = True,
) -> float:
    """RLMRec-Con over node tables x and h (nodes, d): users against all users' h, items against their column of the batch."""
    users, positives, negatives = ([triple[column] for triple in triples] for column in range(3))
    against = list(h[:num_users]) if everyone else [h[u] for u in users]
    loss = info_nce_sum([x[u] for u in users], [h[u] for u in users], against, tau)
    for column in (positives, negatives):
        loss += info_nce_sum([x[i] for i in column], [h[i] for i in column], [h[i] for i in column], tau)
    return loss / len(triples)
