"""EASE: a linear item-item model with a closed form (Steck, WWW 2019, arXiv 1905.03375)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from models.anchors.contract import Anchor, Settings, TooLargeError, dense
from models.closed_form.ease import fit_ease

MAX_ITEMS = 30_000
"""The model is a dense (items, items) float32 matrix: 3.6 GB at this size."""
MANY_ITEMS = 12_000
"""Above this size the default regularisation stands: every other one costs an inversion, items^3 multiplications."""


class EASE(Anchor):
    """score = x_u B with the B of `models.closed_form.ease`, neither weighting nor noise."""

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
        self.weights = fit_ease(train, self.regularisation).weights

    def score(self, user_idx: np.ndarray) -> np.ndarray:
        return dense(self.history[user_idx] @ self.weights)
