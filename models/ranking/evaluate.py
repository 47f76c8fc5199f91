"""The one evaluator: ranks all items for every user with held-out items, exactly, and measures the lists.

It serves base models, enhancers and anchors alike, for test under both protocols and for validation during training.
Statistics between two evaluations belong to `significance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from models.errors import LmmrecError
from models.graph import binary_csr
from models.progress import track
from models.ranking.metrics import average_popularity, coverage, gini, ndcg_at_k, recall_at_k
from models.ranking.protocol import PROTOCOLS, Protocol, Scorer, hidden_items
from models.ranking.topk import hide, score_chunks, select

KS = (5, 10, 20)
"""List lengths; LMMRec prints 5 and 10."""
CATALOGUE_K = 10
"""List length of coverage, Gini and popularity."""
PAIR_BLOCK = 2**15
"""Held-out pairs that are looked up in their users' lists at once: a few megabytes."""


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one held-out part; rows are the users with at least one held-out item."""

    user_idx: np.ndarray
    """(users,) int64, ascending."""
    num_train: np.ndarray
    """(users,) int64 train interactions."""
    num_test: np.ndarray
    """(users,) int64 held-out interactions, >= 1."""
    per_user: dict[Protocol, dict[str, np.ndarray]]
    """By protocol and `recall_5` … `ndcg_20`: (users,) float64."""
    catalogue: dict[Protocol, dict[str, float]]
    """By protocol: `coverage_10`, `gini_10`, `popularity_10` over the lists of these users."""
    lists: dict[Protocol, np.ndarray]
    """By protocol: (users, max k) int64 items, best first, -1 where nothing was left."""
    pair_user_idx: np.ndarray
    """(pairs,) int64: the held-out pairs, sorted by user and item."""
    pair_item_idx: np.ndarray
    """(pairs,) int64."""
    pair_rank: dict[Protocol, np.ndarray]
    """By protocol: (pairs,) int64 rank from 1 of each held-out item, 0 where it is not among the first max k."""

    def means(self, protocol: Protocol) -> dict[str, float]:
        """Every per-user metric averaged over users, then the catalogue metrics."""
        means = {name: float(values.mean()) for name, values in self.per_user[protocol].items()}
        return means | self.catalogue[protocol]


def evaluate(
    scorer: Scorer,
    train: sp.csr_matrix,
    validation: sp.csr_matrix,
    test: sp.csr_matrix,
    protocols: Sequence[Protocol] = PROTOCOLS,
    ks: Sequence[int] = KS,
    batch_size: int | None = None,
) -> Evaluation:
    """Ranks all items for each user of `test`; the three matrices are (users, items) and disjoint.

    Each chunk is scored once for all protocols. To measure validation, pass it as `test` and protocol `rlmrec`.
    """
    relevant, train = binary_csr(test), binary_csr(train)
    user_idx = np.flatnonzero(np.diff(relevant.indptr))
    if len(user_idx) == 0:
        raise LmmrecError("there is nothing to evaluate: no user has a held-out interaction; check the split")
    hidden = {protocol: hidden_items(protocol, train, validation)[user_idx] for protocol in protocols}
    lists = _ranked_lists(scorer, user_idx, max(ks), hidden, batch_size)
    num_test = np.diff(relevant.indptr)[user_idx].astype(np.int64)
    item_popularity = np.bincount(train.indices, minlength=relevant.shape[1])
    row_of_pair = np.repeat(np.arange(len(user_idx)), num_test)
    per_user, catalogue, pair_rank = {}, {}, {}
    for protocol in protocols:
        pair_rank[protocol] = ranks = _ranks(lists[protocol], row_of_pair, relevant.indices)
        found = np.flatnonzero(ranks)
        hits = np.zeros(lists[protocol].shape, dtype=bool)
        hits[row_of_pair[found], ranks[found] - 1] = True
        per_user[protocol] = _measure(hits, num_test, ks)
        catalogue[protocol] = _measure_catalogue(lists[protocol][:, :CATALOGUE_K], item_popularity)
    return Evaluation(
        user_idx=user_idx.astype(np.int64),
        num_train=np.diff(train.indptr)[user_idx].astype(np.int64),
        num_test=num_test,
        per_user=per_user,
        catalogue=catalogue,
        lists=lists,
        pair_user_idx=user_idx[row_of_pair].astype(np.int64),
        pair_item_idx=relevant.indices.astype(np.int64),
        pair_rank=pair_rank,
    )


def _ranked_lists(
    scorer: Scorer, user_idx: np.ndarray, k: int, hidden: dict[Protocol, sp.csr_matrix], batch_size: int | None
) -> dict[Protocol, np.ndarray]:
    """(users, k) items per protocol; `hidden` has the rows of these users alone.

    What one protocol hides the next hides too, so that chunks are masked in place.
    """
    in_order = sorted(hidden, key=lambda protocol: hidden[protocol].nnz)
    num_items = hidden[in_order[0]].shape[1]
    lists = {protocol: np.full((len(user_idx), k), -1, dtype=np.int64) for protocol in in_order}
    with track("rank all items", total=len(user_idx), unit="users") as step:
        for rows, chunk in score_chunks(scorer, user_idx, num_items, batch_size):
            for protocol in in_order:
                hide(chunk, hidden[protocol], rows)
                items, scores = select(chunk, k)
                shown = items.masked_fill(scores.isneginf(), -1).cpu().numpy()
                lists[protocol][rows, : shown.shape[1]] = shown
            del chunk
            step.advance(rows.stop - rows.start)
    return lists


def _ranks(lists: np.ndarray, row_of_pair: np.ndarray, item_of_pair: np.ndarray) -> np.ndarray:
    """(pairs,) int64: the place from 1 of each pair's item in its user's list, 0 where it is not there."""
    ranks = np.zeros(len(row_of_pair), dtype=np.int64)
    for start in range(0, len(ranks), PAIR_BLOCK):
        block = slice(start, start + PAIR_BLOCK)
        pair, place = np.nonzero(lists[row_of_pair[block]] == item_of_pair[block, None])
        ranks[start + pair] = place + 1
    return ranks


def _measure(hits: np.ndarray, num_test: np.ndarray, ks: Sequence[int]) -> dict[str, np.ndarray]:
    recalls = {f"recall_{k}": recall_at_k(hits, num_test, k) for k in ks}
    return recalls | {f"ndcg_{k}": ndcg_at_k(hits, num_test, k) for k in ks}


def _measure_catalogue(lists: np.ndarray, item_popularity: np.ndarray) -> dict[str, float]:
    num_items = len(item_popularity)
    return {
        f"coverage_{CATALOGUE_K}": coverage(lists, num_items),
        f"gini_{CATALOGUE_K}": gini(lists, num_items),
        f"popularity_{CATALOGUE_K}": average_popularity(lists, item_popularity),
    }
