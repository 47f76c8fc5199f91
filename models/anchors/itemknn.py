"""Item-kNN: cosine neighbours of the items that a user has (Sarwar et al., WWW 2001; shrinkage: Bell and Koren 2007)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings, dense
from models.anchors.neighbours import nearest_rows


class ItemKNN(Anchor):
    """score(u, i) = sum of sim(i, j) over the items j of u that are among the k nearest neighbours of i.

    An item is not its own neighbour.
    """

    GRID: ClassVar[tuple[Settings, ...]] = tuple(
        {"k": k, "shrink": shrink} for shrink in (50.0, 0.0) for k in (50, 200, 1000)
    )

    def __init__(self, k: int = 50, shrink: float = 50.0) -> None:
        self.k, self.shrink = k, shrink

    def learn(self, train: sp.csr_matrix) -> None:
        self.neighbours = nearest_rows(train.T.tocsr(), self.k, self.shrink).T.tocsr()  # (items j, items i)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return dense(self.history[user_idx] @ self.neighbours)
