"""Interactions of any size with Zipf-like degrees, for measurements that depend on size alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

USERS_PER_EDGE, ITEMS_PER_EDGE = 1 / 10, 1 / 100
USER_EXPONENT, ITEM_EXPONENT = 0.4, 0.7
"""The entity of rank r is drawn with a share of about r^-exponent."""


def zipf_interactions(edges: int, seed: int = 2023) -> sp.csr_matrix:
    """Exactly `edges` distinct pairs of edges / 10 users and edges / 100 items, as binary CSR float32.

    Ranks are dealt out to random rows and columns, so that neighbours in memory are not neighbours in popularity. The
    same arguments give the same matrix.
    """
    users, items = max(2, round(edges * USERS_PER_EDGE)), max(2, round(edges * ITEMS_PER_EDGE))
    if edges > users * items // 2:
        raise ValueError(f"{edges} distinct pairs of {users} users and {items} items leave no room for negatives")
    rng = np.random.default_rng(seed)
    keys = np.empty(0, dtype=np.int64)
    while len(keys) < edges:
        wanted = int(1.2 * (edges - len(keys))) + 16
        drawn = _ranks(rng, users, USER_EXPONENT, wanted) * items + _ranks(rng, items, ITEM_EXPONENT, wanted)
        keys = np.unique(np.concatenate([keys, drawn]))
    kept = rng.permutation(len(keys))[:edges]
    user_idx = rng.permutation(users)[keys[kept] // items]
    item_idx = rng.permutation(items)[keys[kept] % items]
    matrix = sp.csr_matrix((np.ones(edges, dtype=np.float32), (user_idx, item_idx)), shape=(users, items))
    matrix.sort_indices()
    return matrix


def _ranks(rng: np.random.Generator, count: int, exponent: float, size: int) -> np.ndarray:
    """(size,) int64 in 0 … count - 1, rank r with a share of about (r + 1)^-exponent."""
    return np.minimum((count * rng.random(size) ** (1.0 / (1.0 - exponent))).astype(np.int64), count - 1)
