"""EASE: a linear item-item model with a closed form (Steck, WWW 2019, arXiv 1905.03375)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from models.anchors.contract import Anchor, Settings, TooLargeError, dense
from models.errors import LmmrecError

MAX_ITEMS = 30_000
"""The model is a dense (items, items) float32 matrix: 3.6 GB at this size."""
MANY_ITEMS = 12_000
"""Above this size the default regularisation stands: every other one costs an inversion, items^3 multiplications."""


class EASE(Anchor):
    """B = I - P·diag(1 / diag P) with P = (X^T X + lambda·I)^-1, score = x_u B; the diagonal of B is zero."""

    GRID: ClassVar[tuple[Settings, ...]] = tuple({"regularisation": value} for value in (50.0, 100.0, 200.0, 400.0))

    def __init__(self, regularisation: float = 50.0) -> None:
        self.regularisation = regularisation

    @classmethod
    def settings_to_try(cls, train: sp.csr_matrix) -> Sequence[Settings]:
        return super().settings_to_try(train) if train.shape[1] <= MANY_ITEMS else cls.GRID[:1]

    def learn(self, train: sp.csr_matrix) -> None:
        num_items = train.shape[1]
        if num_items > MAX_ITEMS:
            raise TooLargeError(
                f"EASE needs a dense matrix of {num_items:,} x {num_items:,} items, more than the {MAX_ITEMS:,} it is "
                "allowed; raise the k-core of the dataset, or do without this anchor"
            )
        gram = np.asfortranarray((train.T @ train).toarray(), dtype=np.float32)  # (items, items)
        gram[np.diag_indices(num_items)] += np.float32(self.regularisation)
        self.weights = _invert_in_place(gram).T  # P is its own transpose; this view has contiguous rows
        self.weights /= -self.weights.diagonal().copy()  # column j by -P_jj
        self.weights[np.diag_indices(num_items)] = 0.0

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return dense(self.history[user_idx] @ self.weights)


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
