"""What the filter says of a train pair without having been told of it: two ways, one cheap and one honest.

A filter made of the train matrix knows its pairs, so that a model trained on top of its scores would find nothing left to
learn. `without_self_loop` takes the pair's own entry out of the signal; the pair's edge stays in the filter. `out_of_fold`
takes it out of both: each pair is scored by a filter made of the other folds, with the same weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from models.bases.signal_filter import SignalFilter
from models.bases.signal_fit import shuffled_positions

NUM_FOLDS = 5


def without_self_loop(filters: SignalFilter, scores: Tensor, users: Tensor, items: Tensor) -> Tensor:
    """(pairs,): `scores` (users, items) of these train pairs, the pair's own entry zeroed in the user's signal.

    Exact: r_u H at item i loses H_ii with that entry.
    """
    return scores[users, items] - filters.diagonal()[items]


def folds(train: sp.csr_matrix, seed: int) -> np.ndarray:
    """(pairs,) numbers 0 … `NUM_FOLDS` - 1: each user's items are spread over the folds at random, as evenly as they go."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr))
    first = rng.integers(NUM_FOLDS, size=train.shape[0])
    return np.asarray((first[users] + shuffled_positions(train, rng)) % NUM_FOLDS)


@torch.no_grad()
def out_of_fold(filters: SignalFilter, train: sp.csr_matrix, seed: int) -> Tensor:
    """(pairs,) float32 in the order of `train`: each pair by the filter of the other folds, on the device of `filters`.

    The filter's weights are kept.
    """
    users, fold = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr)), folds(train, seed)
    found = torch.empty(train.nnz, device=filters.history.device)
    for number in range(NUM_FOLDS):
        kept, pairs = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        ones = np.ones(len(kept), dtype=np.float32)
        rest = sp.csr_matrix((ones, (users[kept], train.indices[kept])), shape=train.shape)
        scores = like(filters, rest).scores_of(users[pairs], train.indices[pairs])
        found[torch.from_numpy(pairs).to(found.device)] = scores
    return found


def like(filters: SignalFilter, rest: sp.csr_matrix) -> SignalFilter:
    """The filter of fewer pairs with the weights of `filters`, by power and by place of the singular vector."""
    found = SignalFilter.of(rest, filters.gammas.tolist(), len(filters.omega)).to(filters.history.device)
    return replace(found, theta=filters.theta, omega=filters.omega[: found.vectors.shape[1]])
