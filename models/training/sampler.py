"""Training triples: every positive once an epoch in random order, each with one uniform negative redrawn every epoch.

A negative is rejected against *train* positives only, so validation and test items may be drawn (RLMRec's code;
docs/protocol.md). Membership is one bit per (user, item) while that fits, else a search in sorted keys.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch

from models.bases.contract import Batch
from models.errors import LmmrecError
from models.graph import binary_csr

BITMAP_LIMIT_BYTES = 256 * 2**20
"""Above this size of users x items / 8 the sorted keys are searched instead: 8 bytes a pair, and slower."""


class Membership:
    """Answers whether pairs are in a binary (users, items) matrix, for arrays of pairs at once."""

    def __init__(self, matrix: sp.csr_matrix, bitmap_limit_bytes: int = BITMAP_LIMIT_BYTES) -> None:
        num_users, self._num_items = matrix.shape
        users = np.repeat(np.arange(num_users, dtype=np.int64), np.diff(matrix.indptr))
        keys = users * self._num_items + matrix.indices
        self._keys: np.ndarray | None = None
        self._bits: np.ndarray | None = None
        num_bytes = num_users * self._num_items // 8 + 1
        if num_bytes <= bitmap_limit_bytes:
            self._bits = np.zeros(num_bytes, dtype=np.uint8)
            np.bitwise_or.at(self._bits, keys >> 3, np.uint8(1) << (keys & 7).astype(np.uint8))
        else:
            self._keys = keys

    def __call__(self, user_idx: np.ndarray, item_idx: np.ndarray) -> np.ndarray:
        """Two (n,) int64 arrays -> (n,) bool."""
        keys = user_idx * self._num_items + item_idx
        if self._bits is not None:
            found: np.ndarray = (self._bits[keys >> 3] >> (keys & 7).astype(np.uint8)) & 1
            return found.astype(bool)
        if self._keys is None or len(self._keys) == 0:
            return np.zeros(len(keys), dtype=bool)
        position = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(self._keys[position] == keys)


class Sampler:
    """Draws the batches of one epoch after another; its state is `rng` alone."""

    def __init__(
        self,
        train: sp.csr_matrix,
        batch_size: int,
        rng: np.random.Generator,
        bitmap_limit_bytes: int = BITMAP_LIMIT_BYTES,
    ) -> None:
        edges = binary_csr(train)
        self._num_users, self._num_items = edges.shape
        counts = np.diff(edges.indptr)
        if counts.max(initial=0) >= self._num_items:
            row = int(counts.argmax())
            raise LmmrecError(
                f"user row {row} has all {self._num_items} items in train, so that no negative can be drawn; remove that user"
            )
        self._user_idx = np.repeat(np.arange(self._num_users, dtype=np.int64), counts)
        self._item_idx = edges.indices.astype(np.int64)
        self._is_train = Membership(edges, bitmap_limit_bytes)
        self._batch_size, self.rng = batch_size, rng

    @property
    def num_batches(self) -> int:
        """Steps of one epoch; the last batch may be smaller."""
        return -(-len(self._user_idx) // self._batch_size)

    def draw_negatives(self) -> np.ndarray:
        """(pairs,) int64: one item per positive, uniform over the items that its user has not in train."""
        negatives = self.rng.integers(0, self._num_items, size=len(self._user_idx))
        pending = np.flatnonzero(self._is_train(self._user_idx, negatives))
        while len(pending):
            negatives[pending] = self.rng.integers(0, self._num_items, size=len(pending))
            pending = pending[self._is_train(self._user_idx[pending], negatives[pending])]
        return negatives

    def probe(self, rng: np.random.Generator, device: torch.device) -> Batch:
        """A batch of the usual size from another generator; the sampler's own state stays as it is."""
        own, self.rng = self.rng, rng
        try:
            return next(self.epoch(device))
        finally:
            self.rng = own

    def epoch(self, device: torch.device) -> Iterator[Batch]:
        """The batches of one epoch as rows of the node table (items after users), on `device`."""
        order = self.rng.permutation(len(self._user_idx))
        columns = (self._user_idx, self._item_idx + self._num_users, self.draw_negatives() + self._num_users)
        users, positives, negatives = (torch.from_numpy(column[order]).to(device) for column in columns)
        for start in range(0, len(order), self._batch_size):
            rows = slice(start, start + self._batch_size)
            yield Batch(users[rows], positives[rows], negatives[rows])
