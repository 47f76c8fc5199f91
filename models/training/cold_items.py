"""How well new items are ranked from their texts alone, and what showing them costs: measured by taking items away.

A share of the items loses all its train pairs. Which reading of texts is used is chosen on a second such share, taken away
beside the first; then it is given back. The formulas are `models.closed_form.cold`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from models.bases import BaseConfig, base_spec
from models.bases.closed_form import ClosedFormBase
from models.bases.ease import EASE
from models.closed_form.cold import exposure, map_to_weights, multiplier_for, new_item_scores, ridge_to_weights
from models.closed_form.text_map import learned_map
from models.errors import LmmrecError
from models.graph import binary_csr
from models.ranking.evaluate import Evaluation
from models.ranking.offhand import ScoredBy, rank_quietly
from models.ranking.topk import top_k
from models.training.search import MAX_SCORES, MIN_USERS

K = 20
"""Places of a list."""
SHRINKAGES = (0.3, 1.0, 3.0)
"""mu that are tried for either reading."""


@dataclass(frozen=True)
class Reading:
    """How a text becomes a column of scores: regressed on EASE's columns, or by the learned text map."""

    kind: Literal["ridge", "map"]
    shrinkage: float


@dataclass(frozen=True)
class Removal:
    """One split of the items into known and new."""

    train: sp.csr_matrix
    """(users, items) binary; the columns of new items are empty."""
    new_items: np.ndarray
    """(new,) int64, ascending."""
    pairs: sp.csr_matrix
    """(users, new) binary: every pair of a user and a new item, from train and held-out part together."""

    def of(self, users: np.ndarray) -> Removal:
        """The rows of these users."""
        return Removal(self.train[users], self.new_items, self.pairs[users])


@dataclass(frozen=True)
class DialPoint:
    """What the lists look like when new items get this share of the places."""

    share: float
    """Asked for."""
    shown: float
    """Found in the lists."""
    multiplier: float
    """What the scores of new items are multiplied by."""
    warm_recall_20: float
    """Recall@20 on held-out pairs of known items, all items being candidates."""
    cold_recall_20: float
    """Recall@20 on the pairs of new items, all items being candidates."""


@dataclass(frozen=True)
class ColdItems:
    """One removal, measured; Recall and NDCG are at 20 among the new items themselves."""

    num_new: int
    reading: Reading
    by_text: Evaluation
    by_popularity: Evaluation
    """New items in the order of their hidden popularity, the same for all users: what no model without texts can know."""
    dial: tuple[DialPoint, ...]


def remove_items(train: sp.csr_matrix, held_out: sp.csr_matrix, share: float, seed: Sequence[int]) -> Removal:
    """Takes all train pairs of a random `share` of the items that have any (at least one item, rounded).

    Args:
        train: (users, items) binary.
        held_out: (users, items) binary and disjoint: further pairs of the new items to be found.
    """
    train = binary_csr(train)
    known = np.flatnonzero(np.bincount(train.indices, minlength=train.shape[1]))
    count = max(1, round(share * len(known)))
    if count >= len(known):
        raise LmmrecError(f"taking {count:,} of {len(known):,} items away leaves none to learn from; lower the share")
    new = np.sort(np.random.default_rng(list(seed)).choice(known, count, replace=False))
    kept = np.ones(train.shape[1], dtype=np.float32)
    kept[new] = 0.0
    rest = (train @ sp.diags(kept)).tocsr()
    rest.eliminate_zeros()
    return Removal(binary_csr(rest), new.astype(np.int64), binary_csr((train + held_out)[:, new].tocsr()))


def measure_cold_items(
    train: sp.csr_matrix,
    held_out: sp.csr_matrix,
    texts: np.ndarray,
    base: BaseConfig,
    share: float,
    shares: Sequence[float],
    seed: int,
) -> ColdItems:
    """One removal of `share` of the items under settings `base` that leave nothing open.

    Args:
        train: (users, items) binary.
        held_out: (users, items) binary, what warm accuracy is measured on.
        texts: F, (items, d) float32, centred.
        shares: shares of the places that new items are to get, the points of the dial.
        seed: of both removals.
    """
    removal = remove_items(train, held_out, share, [seed, 0])
    inner = remove_items(removal.train, sp.csr_matrix(train.shape), share, [seed, 1])
    users = looked_at(train.shape, seed)
    seen, inner_seen, held_out = removal.of(users), inner.of(users), held_out[users]
    scored = [
        (_among_new(inner_seen, _scores(inner_seen, matrix, texts)), reading)
        for reading, matrix in _readings(_fitted(base, inner.train), texts, inner)
    ]
    reading = max(scored, key=lambda one: one[0].means("rlmrec")[f"recall_{K}"])[1]
    model = _fitted(base, removal.train)
    ((_, matrix),) = [one for one in _readings(model, texts, removal) if one[0] == reading]
    cold = _scores(seen, matrix, texts)
    hidden = np.asarray(removal.pairs.sum(axis=0), dtype=np.float32).reshape(1, -1)
    return ColdItems(
        num_new=len(removal.new_items),
        reading=reading,
        by_text=_among_new(seen, cold),
        by_popularity=_among_new(seen, np.repeat(hidden, len(users), axis=0)),
        dial=_dial(seen, model, cold, held_out, shares),
    )


def looked_at(shape: tuple[int, int], seed: int) -> np.ndarray:
    """(n,) int64 ascending: the users who are measured; of all where their scores are few enough, else a seeded sample."""
    count = max(MIN_USERS, MAX_SCORES // max(1, shape[1]))
    if shape[0] <= count:
        return np.arange(shape[0])
    return np.sort(np.random.default_rng([seed, 0x7121]).choice(shape[0], count, replace=False))


def _fitted(base: BaseConfig, train: sp.csr_matrix) -> ClosedFormBase:
    return base_spec(base.name).formula().fitted(base, train)


def _readings(model: ClosedFormBase, texts: np.ndarray, removal: Removal) -> list[tuple[Reading, np.ndarray]]:
    """Z (items, d) of each reading; texts of new items play no part in it."""
    known = texts.copy()
    known[removal.new_items] = 0.0
    maps = zip(SHRINKAGES, learned_map(removal.train, known, SHRINKAGES), strict=True)
    found = [(Reading("map", mu), map_to_weights(known, text_map)) for mu, text_map in maps]
    if isinstance(model, EASE):
        found += [(Reading("ridge", mu), ridge_to_weights(model.fit, known, mu)) for mu in SHRINKAGES]
    return found


def _scores(removal: Removal, matrix: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """(users, new) float32."""
    return new_item_scores(removal.train, matrix, texts[removal.new_items])


def _among_new(removal: Removal, scores: np.ndarray) -> Evaluation:
    """The new items ranked among themselves for every user who has one of them."""
    nothing = sp.csr_matrix(removal.pairs.shape)
    return rank_quietly(ScoredBy.table(scores), nothing, removal.pairs, K)


def _dial(
    removal: Removal, model: ClosedFormBase, cold: np.ndarray, held_out: sp.csr_matrix, shares: Sequence[float]
) -> tuple[DialPoint, ...]:
    train = removal.train
    warm = model.history_scores(train)
    warm[:, removal.new_items] = -np.inf
    users = np.arange(train.shape[0])
    _, best = top_k(ScoredBy.table(warm), users, K, train)
    kept = np.ones(train.shape[1], dtype=np.float32)
    kept[removal.new_items] = 0.0
    of_warm = (held_out @ sp.diags(kept)).tocsr()
    of_warm.eliminate_zeros()
    places = sp.csr_matrix(
        (np.ones(len(removal.new_items)), (np.arange(len(removal.new_items)), removal.new_items)),
        shape=(len(removal.new_items), train.shape[1]),
    )
    of_cold = binary_csr((removal.pairs @ places).tocsr())
    found = []
    for share in shares:
        multiplier = multiplier_for(share, best, cold)
        warm[:, removal.new_items] = multiplier * cold if multiplier > 0.0 else -np.inf
        recalls = [
            rank_quietly(ScoredBy.table(warm), train, truth, K).means("rlmrec")[f"recall_{K}"]
            for truth in (of_warm, of_cold)
        ]
        shown = exposure(best, cold, multiplier) if multiplier > 0.0 else 0.0
        found.append(DialPoint(share, shown, multiplier, *recalls))
    return tuple(found)
