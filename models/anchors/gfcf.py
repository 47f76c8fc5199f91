"""GF-CF: a closed-form graph filter (Shen et al., CIKM 2021, arXiv 2108.07567), the strongest text-free row on Yelp."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from models.anchors.contract import Anchor, Settings, dense


class GFCF(Anchor):
    """score = r_u·(R~^T R~ + alpha·D_I^-1/2 V_r V_r^T D_I^1/2).

    R~ = D_U^-1/2 R D_I^-1/2 is (users, items), V_r (items, r) its first right singular vectors: the ideal low pass.
    """

    GRID: ClassVar[tuple[Settings, ...]] = tuple(
        {"rank": rank, "alpha": alpha}
        for rank, alpha in ((128, 0.3), (16, 0.3), (64, 0.3), (256, 0.3), (64, 1.0), (128, 1.0))
    )

    def __init__(self, rank: int = 128, alpha: float = 0.3) -> None:
        self.rank, self.alpha = rank, alpha

    def learn(self, train: sp.csr_matrix) -> None:
        of_user = 1.0 / np.sqrt(np.maximum(np.diff(train.indptr), 1))
        self.root = np.sqrt(np.maximum(np.bincount(train.indices, minlength=train.shape[1]), 1)).astype(np.float32)
        normalised = sp.diags(of_user) @ train.astype(np.float64) @ sp.diags(1.0 / self.root)  # R~
        self.vectors = right_singular_vectors(normalised, self.rank).astype(np.float32)  # V_r (items, r)
        self.normalised = normalised.tocsr().astype(np.float32)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        rows = self.history[user_idx]
        linear = dense(rows @ self.normalised.T @ self.normalised)
        low_pass = dense(rows @ (self.vectors / self.root[:, None])) @ (self.vectors * self.root[:, None]).T
        return np.asarray(linear + np.float32(self.alpha) * low_pass)


def right_singular_vectors(matrix: sp.spmatrix, rank: int) -> np.ndarray:
    """(columns, min(rank, full rank - 1 or full)) leading right singular vectors, from a fixed start vector."""
    smaller = min(matrix.shape)
    if rank >= smaller:  # the iterative solver finds fewer vectors than the smaller side
        return np.asarray(np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:rank].T)
    start = np.full(smaller, 1.0 / np.sqrt(smaller))
    return np.asarray(svds(matrix, k=rank, v0=start, return_singular_vectors="vh")[2].T)
