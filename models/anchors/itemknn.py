"""Item-kNN: cosine neighbours of the items that a user has (Sarwar et al. 2001; shrinkage after Bell and Koren 2007)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, dense

BLOCK_ITEMS = 1024
"""Items whose similarities are held densely at once."""


class ItemKNN(Anchor):
    """score(u, i) = sum of sim(i, j) over the items j of u that are among the k nearest neighbours of i.

    sim(i, j) = n_ij / (sqrt(n_i·n_j) + shrink), n_ij the users that have both; an item is not its own neighbour. Equal
    similarities are cut by the lower item index.
    """

    def __init__(self, k: int = 50, shrink: float = 50.0) -> None:
        self.k, self.shrink = k, shrink

    def learn(self, train: sp.csr_matrix) -> None:
        num_items = train.shape[1]
        root = np.sqrt(np.bincount(train.indices, minlength=num_items)).astype(np.float32)  # (items,) sqrt(n_i)
        by_item = train.T.tocsr()
        blocks = []
        for start in range(0, num_items, BLOCK_ITEMS):
            common = (by_item[start : start + BLOCK_ITEMS] @ train).tocsr()  # (block, items) n_ij
            common.sort_indices()
            row = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
            common.data /= root[start + row] * root[common.indices] + np.float32(self.shrink)
            common.data[common.indices == start + row] = 0.0
            blocks.append(_strongest_of_each_row(common, self.k))
        self.neighbours = sp.vstack(blocks, format="csr").T.tocsr()  # (items j, items i)

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return dense(self.history[user_idx] @ self.neighbours)


def _strongest_of_each_row(matrix: sp.csr_matrix, k: int) -> sp.csr_matrix:
    """Keeps the k largest positive entries of each row; among equals those with the lower column."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]  # 0 for the largest of its row
    kept = order[(place < k) & (matrix.data[order] > 0.0)]
    return sp.csr_matrix((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
