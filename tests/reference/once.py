"""Slow twins of ONCE's parts: the item that a user's text describes, and a graph with edges of less weight."""

from __future__ import annotations

import math

import numpy as np

from tests.reference.lmmrec import cosine


def described_item(user: np.ndarray, items: np.ndarray, history: set[int], least_cosine: float) -> int | None:
    """The nearest item outside the history, None where none is near enough."""
    best: tuple[float, int] | None = None
    for item, text in enumerate(items):
        near = cosine(user, text)
        if item not in history and near >= least_cosine and (best is None or near > best[0]):
            best = (near, item)
    return None if best is None else best[1]


def weighted_adjacency(weights: np.ndarray) -> np.ndarray:
    """w_ui / sqrt(d_u d_i) of a (users, items) array of weights, with d the sums of weights; (nodes, nodes)."""
    num_users, num_items = weights.shape
    adjacency = np.zeros((num_users + num_items, num_users + num_items))
    for u in range(num_users):
        for i in range(num_items):
            if weights[u, i]:
                value = weights[u, i] / math.sqrt(weights[u].sum() * weights[:, i].sum())
                adjacency[u, num_users + i] = adjacency[num_users + i, u] = value
    return adjacency
