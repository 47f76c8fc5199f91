"""User-kNN: what the most similar users have (Resnick et al., CSCW 1994; binary cosine as in Sarwar et al., EC 2000)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings, dense
from models.anchors.neighbours import nearest_rows


class UserKNN(Anchor):
    """score(u, i) = sum of sim(u, v) over the k nearest neighbours v of u that have i.

    A user is not her own neighbour.
    """

    GRID: ClassVar[tuple[Settings, ...]] = tuple(
        {"k": k, "shrink": shrink} for shrink in (0.0, 10.0) for k in (200, 50, 1000)
    )

    def __init__(self, k: int = 200, shrink: float = 0.0) -> None:
        self.k, self.shrink = k, shrink

    def learn(self, train: sp.csr_matrix) -> None:
        self.neighbours = nearest_rows(train, self.k, self.shrink)  # (users u, users v)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return dense(self.neighbours[user_idx] @ self.history)
