"""Small random inputs that several tests draw from."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def interactions(
    min_users: int = 2, max_users: int = 8, min_items: int = 2, max_items: int = 8
) -> st.SearchStrategy[np.ndarray]:
    """0/1 float64 (users, items) arrays with at least one interaction; empty rows and columns occur."""
    shapes = st.tuples(st.integers(min_users, max_users), st.integers(min_items, max_items))
    arrays = shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0])))
    return arrays.filter(lambda array: bool(array.any()))


def matrices(rows: int, columns: int, bound: float = 2.0) -> st.SearchStrategy[np.ndarray]:
    """float64 arrays with entries of moderate size; none is all zero in a row."""
    elements = st.floats(-bound, bound, width=32).map(lambda value: round(value, 3))
    return hnp.arrays(np.float64, (rows, columns), elements=elements).map(_without_zero_rows)


def _without_zero_rows(array: np.ndarray) -> np.ndarray:
    lifted = array.copy()
    lifted[:, 0] += np.where(np.abs(array).sum(axis=1) < 0.1, 1.0, 0.0)
    return lifted


def random_interactions(users: int, items: int, density: float, seed: int) -> sp.csr_matrix:
    """A random binary matrix in which every user has at least one item and never all of them."""
    rng = np.random.default_rng(seed)
    array = (rng.random((users, items)) < density).astype(np.float32)
    array[np.arange(users), rng.integers(0, items - 1, users)] = 1.0
    array[:, items - 1][array.all(axis=1)] = 0.0
    return sp.csr_matrix(array)


def checkerboard(size: int = 20) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Users like the items of their own parity; the diagonal is held out, so that the right answer is known."""
    users, items = np.indices((size, size))
    liked = (users + items) % 2 == 0
    return sp.csr_matrix((liked & (users != items)).astype(np.float32)), sp.identity(
        size, dtype=np.float32, format="csr"
    )
