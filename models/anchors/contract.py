"""What an anchor is: a reference without gradient training, fitted in one call and ranked by the shared evaluator.

Which of its settings are tried is said beside each anchor; trying them on validation is `choice`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp

from models.errors import LmmrecError
from models.graph import binary_csr

Settings = Mapping[str, int | float]
"""Arguments of an anchor's constructor by name; empty means its defaults."""

LARGE_INTERACTIONS = 2_000_000
"""Above this many training pairs one fit takes minutes: anchors stand with their default settings there."""


class TooLargeError(LmmrecError):
    """The data is beyond what this anchor is allowed to hold in memory; the others are not concerned."""


class Anchor(ABC):
    """Fit once, then score users of the same matrix. Deterministic; settings are constructor arguments."""

    GRID: ClassVar[tuple[Settings, ...]] = ({},)
    """Settings worth trying on validation, the default first; what one does not name keeps its default."""

    history: sp.csr_matrix
    """(users, items) binary train matrix, kept to score its users."""

    @classmethod
    def with_settings(cls, settings: Settings) -> Self:
        """An unfitted anchor."""
        return cls(**settings)

    @classmethod
    def settings_to_try(cls, train: sp.csr_matrix) -> Sequence[Settings]:
        """The part of `GRID` that data of this size can afford; never empty, the default first."""
        return cls.GRID if train.nnz <= LARGE_INTERACTIONS else cls.GRID[:1]

    def fit(self, train: sp.csr_matrix) -> Self:
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
