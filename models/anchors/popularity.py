"""Popularity: every user gets the items with the most train interactions. The floor of every table."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor


class Popularity(Anchor):
    """score(u, i) = number of train interactions of i."""

    def learn(self, train: sp.csr_matrix) -> None:
        self.num_interactions = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)  # (items,)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return np.tile(self.num_interactions, (len(user_idx), 1))
