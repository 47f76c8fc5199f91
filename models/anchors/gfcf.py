"""GF-CF: a closed-form graph filter (Shen et al., CIKM 2021, arXiv 2108.07567), the strongest text-free row on Yelp."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings
from models.closed_form.graph_filter import fit_graph_filter


class GFCF(Anchor):
    """score = r_u·(R~^T R~ + alpha·D_I^-1/2 V_r V_r^T D_I^1/2), the filter of `models.closed_form.graph_filter`."""

    GRID: ClassVar[tuple[Settings, ...]] = tuple(
        {"rank": rank, "alpha": alpha}
        for rank, alpha in ((128, 0.3), (16, 0.3), (64, 0.3), (256, 0.3), (64, 1.0), (128, 1.0))
    )

    def __init__(self, rank: int = 128, alpha: float = 0.3) -> None:
        self.rank, self.alpha = rank, alpha

    def learn(self, train: sp.csr_matrix) -> None:
        self.filter = fit_graph_filter(train, self.rank, self.alpha)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return self.filter.score(self.history[user_idx])
