"""The nearest neighbours behind both kNN anchors: shrunk cosine similarity between the rows of a binary matrix.

Who is similar is said here; what is recommended from it belongs to `itemknn` and `userknn`.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

BLOCK_ROWS = 1024
"""Rows whose similarities to all others are held at once."""


def nearest_rows(matrix: sp.csr_matrix, k: int, shrink: float) -> sp.csr_matrix:
    """(rows, rows) float32: in row a the similarities of its k nearest other rows b, nothing elsewhere.

    sim(a, b) = n_ab / (sqrt(n_a·n_b) + shrink), n_ab the columns that both have (Sarwar et al. 2001; shrinkage after Bell
    and Koren 2007). Equal similarities are cut by the lower row index; rows that share no column are no neighbours.
    """
    num_rows = matrix.shape[0]
    root = np.sqrt(np.diff(matrix.indptr)).astype(np.float32)  # (rows,) sqrt(n_a)
    columns = matrix.T.tocsr()
    blocks = []
    for start in range(0, num_rows, BLOCK_ROWS):
        common = (matrix[start : start + BLOCK_ROWS] @ columns).tocsr()  # (block, rows) n_ab
        common.sort_indices()
        row = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
        common.data /= root[start + row] * root[common.indices] + np.float32(shrink)
        common.data[common.indices == start + row] = 0.0
        blocks.append(_strongest_of_each_row(common, k))
    return sp.vstack(blocks, format="csr")


def _strongest_of_each_row(matrix: sp.csr_matrix, k: int) -> sp.csr_matrix:
    """Keeps the k largest positive entries of each row; among equals those with the lower column."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]  # 0 for the largest of its row
    kept = order[(place < k) & (matrix.data[order] > 0.0)]
    return sp.csr_matrix((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
