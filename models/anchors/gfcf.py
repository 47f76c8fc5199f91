"""GF-CF: a closed-form graph filter (Shen et al., CIKM 2021, arXiv 2108.07567), the strongest text-free row on Yelp."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings, dense
from models.spectrum import leading_singular_vectors, normalised


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
        self.root = np.sqrt(np.maximum(np.bincount(train.indices, minlength=train.shape[1]), 1)).astype(np.float32)
        symmetric = normalised(train, 0.5)  # R~
        self.vectors = leading_singular_vectors(symmetric, self.rank)[1].astype(np.float32)  # V_r (items, r)
        self.normalised = symmetric.astype(np.float32)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        rows = self.history[user_idx]
        linear = dense(rows @ self.normalised.T @ self.normalised)
        low_pass = dense(rows @ (self.vectors / self.root[:, None])) @ (self.vectors * self.root[:, None]).T
        return np.asarray(linear + np.float32(self.alpha) * low_pass)
