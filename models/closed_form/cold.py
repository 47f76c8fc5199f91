"""Items that nobody has yet, and users who have nothing yet: scores from what their texts say, as known texts taught it.

An item without a single interaction never enters a fit: its zeros are missing, not negative. How many places new items get
in the lists is no question of accuracy but of policy: `multiplier_for` turns that share into the one number it takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from models.closed_form.ease import EaseFit
from models.closed_form.text_part import spreads

BISECTIONS = 60
"""Enough for a multiplier that is exact to single precision, from a bracket of 2^20."""


def ridge_to_weights(fit: EaseFit, texts: np.ndarray, shrinkage: float) -> np.ndarray:
    """The linear map from an item's text to its column of B, applied to histories: (items, d) float32.

    B is regressed on the texts F (items, d) of the items that have interactions: b_j = B F (F'F + mu t I)^-1 f_j with t the
    mean eigenvalue of F'F. So score(u, j) = (x_u Z)·f_j for a new item with text f_j, and Z = B F (F'F + mu t I)^-1 is
    what is returned.

    Args:
        shrinkage: mu > 0; 0.3 to 3 was best wherever it was tried.
    """
    exact = texts.astype(np.float64)
    gram = exact.T @ exact
    ridge = shrinkage * float(np.trace(gram)) / len(gram) * np.eye(len(gram))
    read = np.linalg.solve(gram + ridge, (fit.weights @ texts).T.astype(np.float64))  # (d, items)
    return np.asarray(read.T, dtype=np.float32, order="C")


def map_to_weights(texts: np.ndarray, text_map: np.ndarray) -> np.ndarray:
    """The same by the learned text map W (d, d), for models without B: Z = F W."""
    return np.asarray(texts.astype(np.float64) @ text_map, dtype=np.float32)


def new_item_scores(rows: sp.csr_matrix, reading: np.ndarray, new_texts: np.ndarray) -> np.ndarray:
    """(batch, items) histories, Z (items, d) and texts of new items (new, d) -> (batch, new) float32 scores."""
    return np.asarray(np.asarray(rows @ reading) @ new_texts.T, dtype=np.float32)


def ridge_to_histories(train: sp.csr_matrix, user_texts: np.ndarray, shrinkages: Sequence[float]) -> list[np.ndarray]:
    """The linear map from a user's text to her history, (d, items) float32 for each mu of `shrinkages`.

    R = (U'U + mu t I)^-1 U' D_U^-1/2 X with t the mean eigenvalue of U'U: histories at length 1, so that those who have much
    do not speak for all. A new user with text v gets the scores v R.

    Args:
        train: X, (users, items) binary float32.
        user_texts: U, (users, d), centred.
        shrinkages: each above 0.
    """
    exact = user_texts.astype(np.float64)
    lengths = np.sqrt(np.maximum(np.diff(train.indptr), 1.0))
    values, basis = np.linalg.eigh(exact.T @ exact)
    wanted = basis.T @ np.asarray(train.T @ (exact / lengths[:, None])).T  # (d, items)
    unit = float(values.mean())
    return [
        np.asarray(basis @ (wanted / (np.maximum(values, 0.0) + shrinkage * unit)[:, None]), dtype=np.float32)
        for shrinkage in shrinkages
    ]


def history_and_text(history: np.ndarray, text: np.ndarray, weight: float) -> np.ndarray:
    """z(history) + c z(text) in units of the history, (batch, items) float32: c = `weight`, z by row over the catalogue."""
    spread = spreads(text)
    factor = weight * spreads(history) / np.where(spread > 0.0, spread, 1.0)
    return np.asarray(history + text * factor[:, None], dtype=np.float32)


def exposure(warm_best: np.ndarray, cold_scores: np.ndarray, multiplier: float) -> float:
    """Share of the first K places that new items take when their scores are multiplied by `multiplier`.

    Args:
        warm_best: (users, K), each user's K best scores of items that have interactions, any order.
        cold_scores: (users, new).
    """
    num_best = warm_best.shape[1]
    best_cold = multiplier * -np.sort(-cold_scores, axis=1)[:, :num_best]  # (users, <= K)
    joined = np.concatenate([warm_best, best_cold], axis=1)
    edge = -np.partition(-joined, num_best - 1, axis=1)[:, num_best - 1 : num_best]
    return float((best_cold > edge).sum() + _at_the_edge(warm_best, best_cold, edge)) / warm_best.size


def _at_the_edge(warm_best: np.ndarray, best_cold: np.ndarray, edge: np.ndarray) -> int:
    """Places at the K-th score that are left for new items after the others, which come first there."""
    taken = (warm_best >= edge).sum(axis=1) + (best_cold > edge).sum(axis=1)
    room = np.maximum(warm_best.shape[1] - taken, 0)
    return int(np.minimum(room, (best_cold == edge).sum(axis=1)).sum())


def multiplier_for(share: float, warm_best: np.ndarray, cold_scores: np.ndarray) -> float:
    """The least multiplier at which new items take `share` (0 … 1) of the first K places, by bisection; 0 for share 0.

    Exposure grows with the multiplier as far as scores are above 0, so that a share may be out of reach: then the largest
    that was tried (2^20 times the scale of warm scores) stands.
    """
    if share <= 0.0:
        return 0.0
    spread = float(np.abs(cold_scores).max(initial=0.0))
    high = 2.0**20 * float(np.abs(warm_best).max(initial=0.0)) / spread if spread > 0.0 else 0.0
    low = 0.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if exposure(warm_best, cold_scores, middle) < share:
            low = middle
        else:
            high = middle
    return high
