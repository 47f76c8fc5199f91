"""What an anchor is: a reference without gradient training, fitted in one call and ranked by the shared evaluator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.sparse as sp

from models.errors import LmmrecError
from models.graph import binary_csr


class Anchor(ABC):
    """Fit once, then score users of the same matrix. Deterministic; settings are constructor arguments."""

    history: sp.csr_matrix
    """(users, items) binary train matrix, kept to score its users."""

    def fit(self, train: sp.csr_matrix) -> Anchor:
        """Learns from a binary (users, items) matrix and returns itself."""
        if train.nnz == 0:
            raise LmmrecError("the training matrix holds no interactions; loosen the filters of the dataset")
        self.history = binary_csr(train)
        self.learn(self.history)
        return self

    @abstractmethod
    def learn(self, train: sp.csr_matrix) -> None:
        """Computes what `score` needs; `train` is canonical: binary float32, sorted columns."""

    @abstractmethod
    def score(self, user_idx: np.ndarray) -> np.ndarray:
        """(batch,) int64 users -> (batch, items) float32, higher is better."""


def dense(matrix: Any) -> np.ndarray:
    """A product of factors, sparse or dense, as a dense float32 array."""
    array = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    return np.ascontiguousarray(array, dtype=np.float32)
