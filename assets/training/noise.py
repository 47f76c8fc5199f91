"""Noise of Fig. 2: pairs that never happened, added to train; texts, validation and test stay as they are.

A variant `noise-10` has as many of them as 10 % of the train pairs, drawn from the pairs of none of the three parts, so that
no answer is given away. The draw depends on split, share and seed alone: every method meets the same pairs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assets.tables import read_matrix
from models.errors import LmmrecError

if TYPE_CHECKING:
    import scipy.sparse as sp

NOISE = {f"noise-{percent:02d}": percent / 100 for percent in (5, 10, 15, 20, 25, 30)}
"""Variants of every method, and the share of the train pairs that is added."""


def with_noise(split: Path, share: float, seed: int) -> sp.csr_matrix:
    """Train of the folder of the asset `split` with noise.

    Raises:
        LmmrecError: there are not so many pairs that never happened.
    """
    import numpy as np
    import scipy.sparse as sp

    train = read_matrix(split, "train")
    num_users, num_items = train.shape
    known = sum((read_matrix(split, part) for part in ("validation", "test")), start=train).tocoo()
    taken = np.unique(known.row.astype(np.int64) * num_items + known.col)
    wanted, free = round(share * train.nnz), num_users * num_items - len(taken)
    if wanted > free // 2:
        raise LmmrecError(f"{split} has {free:,} pairs that never happened, too few for {wanted:,} of noise.")
    rng, drawn = np.random.default_rng([seed, round(share * 10_000)]), np.empty(0, dtype=np.int64)
    while len(drawn) < wanted:
        more = rng.integers(0, num_users * num_items, size=2 * (wanted - len(drawn)) + 16)
        more = more[~np.isin(more, taken)]
        drawn = np.concatenate([drawn, more])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]  # the order of the draw, so that the first count
    added = drawn[:wanted]
    ones = np.ones(wanted, dtype=train.dtype)
    noise = sp.csr_matrix((ones, (added // num_items, added % num_items)), shape=train.shape)
    return sp.csr_matrix(train + noise)
