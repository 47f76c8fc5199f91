"""The spectrum of an interaction matrix: its generalized normalisation, largest singular value, leading singular vectors.

SciPy in, NumPy out, float64 (sketches float32) and deterministic. What is filtered with them belongs to `models.anchors` and
`models.bases`.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

RELATIVE_TOLERANCE = 1e-12
"""Power iteration stops when the estimate rises by less than this share of itself in one step."""
MOST_ITERATIONS = 10_000
EXACT_ENTRIES = 5_000_000
"""Above so many entries vectors are sketched: one at a time, each of a thousand products would go through memory alone."""
MORE_VECTORS, SKETCH_ROUNDS = 32, 8
"""A sketch carries so many vectors more than it keeps, through so many rounds."""
NULL_SPACE = 1e-6
"""Directions whose singular value is below this share of the largest are no part of the matrix, but rounding of it."""


def normalised(train: sp.csr_matrix, gamma: float) -> sp.csr_matrix:
    """R_gamma = D_U^-gamma R D_I^-(1-gamma), float64, of a binary (users, items) matrix; empty rows and columns stay."""
    of_user = np.maximum(np.diff(train.indptr), 1.0) ** -gamma
    of_item = np.maximum(np.bincount(train.indices, minlength=train.shape[1]), 1.0) ** (gamma - 1.0)
    return (sp.diags(of_user) @ train.astype(np.float64) @ sp.diags(of_item)).tocsr()


def largest_singular_value(train: sp.csr_matrix, gamma: float) -> float:
    """sigma_max(R_gamma) by power iteration from the all-ones vector, which no non-negative matrix is orthogonal to.

    For gamma = 1/2 it is 1 for every matrix with an entry (the spectrum of a normalised graph), and not iterated.
    """
    if gamma == 0.5:
        return 1.0
    matrix = normalised(train, gamma)
    vector, value = np.full(matrix.shape[1], 1.0 / np.sqrt(matrix.shape[1])), 0.0
    for _ in range(MOST_ITERATIONS):
        image = matrix.T @ (matrix @ vector)
        length = float(np.linalg.norm(image))  # -> sigma_max squared
        if length <= value * (1.0 + RELATIVE_TOLERANCE):
            break
        vector, value = image / length, length
    return float(np.sqrt(value))


def leading_singular_vectors(matrix: sp.spmatrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """U (rows, r) and V (columns, r) of the r largest singular values, largest first, from a fixed start vector.

    r is `rank`, or fewer where the matrix has a lower rank. Above `EXACT_ENTRIES` they are those of `sketched_vectors`.
    """
    if matrix.nnz > EXACT_ENTRIES:
        return sketched_vectors(matrix, rank)
    smaller = min(matrix.shape)
    if rank >= smaller:  # the iterative solver finds fewer vectors than the smaller side
        left, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        left, values, right = svds(matrix, k=rank, v0=np.full(smaller, 1.0 / np.sqrt(smaller)))
    descending = np.argsort(-values, kind="stable")[:rank]
    kept = descending[values[descending] > NULL_SPACE * values.max(initial=0.0)]
    return np.ascontiguousarray(left[:, kept]), np.ascontiguousarray(right[kept].T)


def sketched_vectors(matrix: sp.spmatrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The same by subspace iteration from a fixed random block (Halko et al. 2011, algorithm 4.4), float32.

    Directions whose singular values stand apart come out exactly; where hundreds are almost equal, others of almost the same
    value stand in for them, which a filter cannot tell apart either.
    """
    plain = matrix.tocsr().astype(np.float32)
    turned = plain.T.tocsr()
    count = min(rank + MORE_VECTORS, *plain.shape)
    block = np.random.default_rng(0).standard_normal((plain.shape[1], count)).astype(np.float32)
    for _ in range(SKETCH_ROUNDS):
        block, _ = np.linalg.qr(turned @ (plain @ block))
    images = plain @ block  # (rows, count)
    squares, basis = np.linalg.eigh((images.T @ images).astype(np.float64))
    values = np.sqrt(np.maximum(squares, 0.0))
    descending = np.argsort(-values, kind="stable")[:rank]
    kept = descending[values[descending] > 1e-3 * values.max(initial=0.0)]  # float32 knows no smaller ones
    turn = basis[:, kept].astype(np.float32)
    return images @ (turn / values[kept].astype(np.float32)), block @ turn
