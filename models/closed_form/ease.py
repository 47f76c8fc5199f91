"""EASE with user weighting and drop-out noise: a linear item-item model with a closed form.

Steck, WWW 2019 (arXiv 1905.03375); the noise is EDLAE's (Steck, NeurIPS 2020). Plain EASE is both at 0. Texts beside it
belong to `text_kernel` and `text_prior`, the popularity power to `popularity`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from models.errors import LmmrecError


@dataclass(frozen=True)
class EaseFit:
    """B and what of P = (G + L)^-1 cannot be read off B; P itself is not kept."""

    weights: np.ndarray
    """B = I - P diag(1 / diag P), (items, items) float32; its diagonal is 0."""
    variances: np.ndarray
    """diag P, (items,) float64."""
    penalty: np.ndarray
    """The diagonal of L, (items,) float64."""
    unit: float
    """s = tr(G) / pairs, what lambda and text weights are counted in; 1 without user weighting."""

    def precision_times(self, columns: np.ndarray) -> np.ndarray:
        """P M for M (items, c): P_ij = -B_ij P_jj off the diagonal. (items, c) float64."""
        scaled = self.variances[:, None] * columns
        return np.asarray(scaled - self.weights @ scaled.astype(np.float32))

    def score(self, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories -> (batch, items) float32 scores x B."""
        return np.ascontiguousarray(rows @ self.weights, dtype=np.float32)


def fit_ease(train: sp.csr_matrix, regularisation: float, dropout: float = 0.0, user_power: float = 0.0) -> EaseFit:
    """G = (D_U^-a X)'(D_U^-a X), s = tr(G) / pairs, L = lambda s I + rho diag(G), B = I - P diag(1 / diag P).

    Args:
        train: X, (users, items) canonical binary float32.
        regularisation: lambda > 0, in units of s.
        dropout: rho >= 0, the ridge that equals dropping a share rho / (1 + rho) of each history at random.
        user_power: a; at 1/2 every user counts the same, however long her history.

    Raises:
        LmmrecError: G + L is not positive definite.
    """
    num_items = train.shape[1]
    weighted = train
    if user_power:
        degrees = np.maximum(np.diff(train.indptr), 1).astype(np.float64)
        weighted = (sp.diags(degrees**-user_power) @ train).tocsr().astype(np.float32)
    gram = np.asfortranarray((weighted.T @ weighted).toarray(), dtype=np.float32)  # (items, items)
    variance = gram.diagonal().astype(np.float64)
    unit = float(variance.sum()) / train.nnz
    penalty = regularisation * unit + dropout * variance
    gram[np.diag_indices(num_items)] += penalty.astype(np.float32)
    weights = _invert_in_place(gram).T  # P is its own transpose; this view has contiguous rows
    variances = weights.diagonal().copy()
    weights /= -variances  # column j by -P_jj
    weights[np.diag_indices(num_items)] = 0.0
    return EaseFit(weights, variances.astype(np.float64), penalty, unit)


def popularity(train: sp.csr_matrix, power: float) -> np.ndarray:
    """n_j^-delta, (items,) float32: what scores are multiplied by. Above 0 favours rare items, 0 changes nothing."""
    counts = np.maximum(np.bincount(train.indices, minlength=train.shape[1]), 1)
    return np.asarray(counts ** -float(power), dtype=np.float32)


def _invert_in_place(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric positive definite float32 matrix in Fortran order, without a second copy of it."""
    factor, failed = lapack.spotrf(matrix, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise LmmrecError("EASE's Gram matrix is not positive definite; raise its regularisation above 0")
    for column in range(1, len(factor)):  # LAPACK leaves the inverse in the lower triangle
        factor[:column, column] = factor[column, :column]
    return np.asarray(factor)
