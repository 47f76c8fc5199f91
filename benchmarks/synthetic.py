"""Interactions of any size with Zipf-like degrees, for measurements that depend on size alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp

USERS_PER_EDGE, ITEMS_PER_EDGE = 1 / 10, 1 / 100
SMALLEST = 100_000
"""Edges at which both shapes are the same."""
USER_EXPONENT, ITEM_EXPONENT = 0.4, 0.7
"""The entity of rank r is drawn with a share of about r^-exponent."""

Shape = Literal["wider", "denser"]
"""Whence more edges come: `wider` from more users and items with as many edges each; `denser` from both as well, users and
items growing with the square root of the edges and so do the edges of each, as public data sets of one kind do."""
SHAPES: tuple[Shape, ...] = ("wider", "denser")


def population(edges: int, shape: Shape = "wider") -> tuple[int, int]:
    """Users and items.

    >>> population(10_000_000), population(10_000_000, "denser")
    ((1000000, 100000), (100000, 10000))
    """
    counted = edges if shape == "wider" else (edges * SMALLEST) ** 0.5
    return max(2, round(counted * USERS_PER_EDGE)), max(2, round(counted * ITEMS_PER_EDGE))


def zipf_interactions(edges: int, seed: int = 2023, shape: Shape = "wider") -> sp.csr_matrix:
    """Exactly `edges` distinct pairs of a `population`, as binary CSR float32.

    Ranks are dealt out to random rows and columns, so that neighbours in memory are not neighbours in popularity. The
    same arguments give the same matrix.
    """
    users, items = population(edges, shape)
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
