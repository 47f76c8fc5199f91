"""GF-CF: a graph filter in closed form (Shen et al., CIKM 2021, arXiv 2108.07567).

Nothing of items x items is held: pairs, r numbers an item, and for large data the rows of the few most popular items.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from models.spectrum import EXACT_ENTRIES, leading_singular_vectors, normalised

HEAD_NUMBERS = 2**28
"""Numbers of rows of R~^T R~ that are kept for the most popular items of large data: 1 GB."""


@dataclass(frozen=True)
class Head:
    """The rows of R~^T R~ of the items that most histories hold: a popular item alone meets a fifth of all users."""

    items: np.ndarray
    """(h,) int64."""
    rows: np.ndarray
    """(h, items) float32."""
    others: sp.dia_matrix
    """(items, items) diagonal: 0 for these items, 1 for the others."""


@dataclass(frozen=True)
class GraphFilter:
    """R~ R~^T is applied through its factors; V_r are the leading right singular vectors of R~, largest first."""

    forward: sp.csr_matrix
    """R~ = D_U^-1/2 R D_I^-1/2, (users, items) float32."""
    backward: sp.csr_matrix
    """Its transpose as CSR: converting it for every batch would cost a pass over all pairs."""
    root: np.ndarray
    """D_I^1/2, (items,) float32, at least 1."""
    vectors: np.ndarray
    """V_r, (items, r) float32."""
    alpha: float
    """Weight of the ideal low pass."""
    head: Head | None = field(default=None)
    """None where histories are multiplied through as they are."""

    def score(self, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories r -> (batch, items) float32 scores

        r (R~^T R~ + alpha D_I^-1/2 V_r V_r^T D_I^1/2).
        """
        return np.asarray(self.linear(rows) + np.float32(self.alpha) * self.low_pass(rows))

    def linear(self, rows: sp.csr_matrix) -> np.ndarray:
        """r R~^T R~, (batch, items) float32."""
        if self.head is None:
            return np.ascontiguousarray((rows @ self.backward @ self.forward).toarray(), dtype=np.float32)
        others = (rows @ self.head.others).tocsr()
        others.eliminate_zeros()
        found = (others @ self.backward @ self.forward).toarray()
        found += rows[:, self.head.items] @ self.head.rows
        return np.ascontiguousarray(found, dtype=np.float32)

    def low_pass(self, rows: sp.csr_matrix) -> np.ndarray:
        """r D_I^-1/2 V_r V_r^T D_I^1/2, (batch, items) float32."""
        reading, writing = self._ends
        return np.asarray(np.asarray(rows @ reading) @ writing.T)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """D_I^-1/2 V_r and D_I^1/2 V_r, (items, r) float32 each."""
        root = self.root[:, None]
        return self.vectors / root, self.vectors * root

    def narrowed(self, rank: int, alpha: float) -> GraphFilter:
        """The same filter with the first `rank` vectors and another weight."""
        return replace(self, vectors=np.ascontiguousarray(self.vectors[:, :rank]), alpha=alpha)


def fit_graph_filter(train: sp.csr_matrix, rank: int, alpha: float) -> GraphFilter:
    """The filter of `train`, (users, items) canonical binary float32; r is `rank`, or the matrix's own where lower."""
    vectors = leading_singular_vectors(normalised(train, 0.5), rank)[1].astype(np.float32)
    return graph_filter(train, vectors, alpha)


def graph_filter(train: sp.csr_matrix, vectors: np.ndarray, alpha: float) -> GraphFilter:
    """The filter whose singular vectors (items, r) are known."""
    forward = normalised(train, 0.5).astype(np.float32)
    root = np.sqrt(np.maximum(np.bincount(train.indices, minlength=train.shape[1]), 1)).astype(np.float32)
    backward = forward.T.tocsr()
    head = head_of(forward, backward) if train.nnz > EXACT_ENTRIES else None
    return GraphFilter(forward, backward, root, vectors, alpha, head)


def head_of(forward: sp.csr_matrix, backward: sp.csr_matrix, numbers: int = HEAD_NUMBERS) -> Head:
    """As many of the most popular items as `numbers` has room for."""
    num_items = forward.shape[1]
    count = min(num_items, numbers // num_items)
    items = np.sort(np.argsort(-np.diff(backward.indptr), kind="stable")[:count])
    rows = np.empty((count, num_items), dtype=np.float32)
    for place, item in enumerate(items):  # one at a time: together they meet most pairs
        rows[place] = (backward[[item]] @ forward).toarray()[0]
    others = np.ones(num_items, dtype=np.float32)
    others[items] = 0.0
    return Head(items, rows, sp.diags(others))
