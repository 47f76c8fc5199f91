"""What a model is trained on, checked once at the border: interaction matrices and frozen text vectors.

Reading files belongs to the pipeline; drawing batches belongs to `sampler`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from models.errors import LmmrecError


@dataclass(frozen=True)
class TrainingData:
    """One split as a model may see it: never the test part."""

    train: sp.csr_matrix
    """(users, items) binary; every stored non-zero is a positive pair."""
    validation: sp.csr_matrix
    """(users, items) binary; empty where nothing is held out."""
    user_texts: np.ndarray | None = None
    """(users, d_s) float32 vectors of the users' motivation summaries."""
    item_texts: np.ndarray | None = None
    """(items, d_s) float32 vectors of the items' motivation summaries."""
    views: tuple[int, ...] = ()
    """Columns of the vectors that each encoder made, in their order; empty where one made all."""

    def __post_init__(self) -> None:
        if self.validation.shape != self.train.shape:
            raise LmmrecError(f"the validation matrix is {self.validation.shape} but train is {self.train.shape}")
        if self.train.nnz == 0:
            raise LmmrecError("the training matrix holds no interactions; loosen the filters of the dataset")
        if (self.user_texts is None) != (self.item_texts is None):
            raise LmmrecError("text vectors are given for one side only; give both user and item vectors, or neither")
        if self.user_texts is not None and self.item_texts is not None:
            _check_texts("user", self.user_texts, self.train.shape[0])
            _check_texts("item", self.item_texts, self.train.shape[1])
            if self.user_texts.shape[1] != self.item_texts.shape[1]:
                raise LmmrecError(
                    f"user text vectors have width {self.user_texts.shape[1]} and item text vectors "
                    f"{self.item_texts.shape[1]}; embed both with one encoder"
                )

    @property
    def num_users(self) -> int:
        return int(self.train.shape[0])

    @property
    def num_items(self) -> int:
        return int(self.train.shape[1])

    def texts(self) -> np.ndarray:
        """(users + items, d_s) float32, users first; refuses where there are none."""
        if self.user_texts is None or self.item_texts is None:
            raise LmmrecError("this method needs text vectors and the data has none; make text_embeddings first")
        return np.concatenate([self.user_texts, self.item_texts]).astype(np.float32, copy=False)

    def with_shuffled_texts(self, seed: int) -> TrainingData:
        """The control: the same vectors, each side permuted among its own entities."""
        if self.user_texts is None or self.item_texts is None:
            return self
        rng = np.random.default_rng([seed, 0x5EED])
        return replace(
            self,
            user_texts=self.user_texts[rng.permutation(self.num_users)],
            item_texts=self.item_texts[rng.permutation(self.num_items)],
        )


def _check_texts(side: str, vectors: np.ndarray, rows: int) -> None:
    if vectors.ndim != 2 or vectors.shape[0] != rows:
        raise LmmrecError(
            f"{side} text vectors have shape {vectors.shape}, but the split has {rows} {side}s; embed again"
        )
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise LmmrecError(f"the text vector of {side} row {row} is not finite; embed again")
