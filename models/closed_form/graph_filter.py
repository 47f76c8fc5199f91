"""GF-CF: a graph filter in closed form (Shen et al., CIKM 2021, arXiv 2108.07567).

Nothing of items x items is held: pairs, and r numbers an item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from models.spectrum import leading_singular_vectors, normalised


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

    def score(self, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories r -> (batch, items) float32 scores

        r (R~^T R~ + alpha D_I^-1/2 V_r V_r^T D_I^1/2).
        """
        return np.asarray(self.linear(rows) + np.float32(self.alpha) * self.low_pass(rows))

    def linear(self, rows: sp.csr_matrix) -> np.ndarray:
        """r R~^T R~, (batch, items) float32."""
        return np.ascontiguousarray((rows @ self.backward @ self.forward).toarray(), dtype=np.float32)

    def low_pass(self, rows: sp.csr_matrix) -> np.ndarray:
        """r D_I^-1/2 V_r V_r^T D_I^1/2, (batch, items) float32."""
        root = self.root[:, None]
        return np.asarray(np.asarray(rows @ (self.vectors / root)) @ (self.vectors * root).T)

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
    return GraphFilter(forward, forward.T.tocsr(), root, vectors, alpha)
