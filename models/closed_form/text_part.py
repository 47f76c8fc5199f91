"""What texts add to the scores of a linear model, always of low rank: no items x items matrix is made for them.

    score(u, j) = h(u, j) scale_j + f_u sum_{i in history, i != j} L_i·R_j

h is the text-free score. An item never recommends itself: a sum over its own row is left out. How L, R and scale come about
is said in `text_kernel`, `text_prior` and `text_map`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse as sp

from models.errors import LmmrecError

CHUNK_SPREADS = 2**22
"""Scores whose spread is taken at once."""


Form = Literal["kernel", "prior", "map", "cosine"]


@dataclass(frozen=True)
class TextSettings:
    """Which text part: its form, how much it weighs, and mu where it reads W."""

    form: Form
    weight: float
    """w of `kernel`, c of the others; above 0."""
    shrinkage: float = 0.1
    """mu of W in `prior` and `map`."""
    popularity_shift: float = 0.0
    """What is added to the base's popularity power: texts lift rare items, too, and the base's own lift may be too much."""
    view_shares: tuple[float, ...] = ()
    """How much each view of the texts counts (`views`); as they were encoded where there are none."""


@dataclass(frozen=True)
class TextPart:
    """One way in which texts change the scores."""

    left: np.ndarray
    """L, (items, r) float32: what an item of the history says."""
    right: np.ndarray
    """R, (items, r) float32: what it is held against."""
    scale: np.ndarray
    """(items,) float32: what the history's own part is multiplied by; 1 where it stays."""
    relative: float = 0.0
    """c > 0: f_u = c sd(h_u) / sd(t_u), so that both parts spread alike over the catalogue (the ranking of z(h) + c z(t));
    0: f_u = 1."""
    own: np.ndarray | None = None
    """o, (items,) float32: R_j = o_j F_j E + what reaches it through the texts of other items; None where nobody asked."""
    reader: np.ndarray | None = None
    """E, (d, r) float32; None is the identity."""

    def scores(self, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) binary histories -> (batch, items) float32 sums of L_i·R_j over i != j, before f_u."""
        found = np.asarray(rows @ self.left) @ self.right.T
        users, items = rows.nonzero()
        found[users, items] -= np.einsum("ir,ir->i", self.left, self.right)[items]
        return np.asarray(found)

    def factors(self, history_scores: np.ndarray, text_scores: np.ndarray) -> np.ndarray:
        """f_u, (batch,) float32; 0 where texts tell items not apart."""
        if not self.relative:
            return np.ones(len(history_scores), dtype=np.float32)
        spread, of_text = spreads(history_scores), spreads(text_scores)
        known = of_text > 0.0
        return np.asarray(self.relative * np.where(known, spread / np.where(known, of_text, 1.0), 0.0), np.float32)

    def added_to(self, history_scores: np.ndarray, rows: sp.csr_matrix) -> np.ndarray:
        """(batch, items) text-free scores of these histories -> the scores with texts, in their place."""
        text_scores = self.scores(rows)
        text_scores *= self.factors(history_scores, text_scores)[:, None]
        history_scores *= self.scale
        history_scores += text_scores
        return history_scores

    def scaled(self, by: np.ndarray) -> TextPart:
        """The part under which every item's score is multiplied by `by` (items,) float32."""
        return replace(self.weighted(by), scale=self.scale * by)

    def weighted(self, by: np.ndarray) -> TextPart:
        """The part in which what texts add to every item is multiplied by `by` (items,) float32, and nothing else."""
        own = None if self.own is None else self.own * by
        return replace(self, right=self.right * by[:, None], own=own)

    def asked_of(self, row: sp.csr_matrix, factor: float, item_idx: int) -> np.ndarray:
        """q = f_u sum_{i in history, i != j} L_i, (r,) float64, so that texts add q·R_j to the score of item j.

        Args:
            row: (1, items) binary history.
            factor: f_u.
        """
        history = row.indices[row.indices != item_idx]
        return np.asarray(factor * self.left[history].astype(np.float64).sum(axis=0))

    def direction(self, asked: np.ndarray, item_idx: int) -> np.ndarray | None:
        """g, (d,) float64, with which the item's own text adds g·F_j to its score; None where `own` is not known."""
        if self.own is None:
            return None
        read = asked if self.reader is None else self.reader.astype(np.float64) @ asked
        return np.asarray(float(self.own[item_idx]) * read)


def spreads(scores: np.ndarray) -> np.ndarray:
    """The standard deviation of each row, (batch,) float64."""
    size = max(1, CHUNK_SPREADS // max(1, scores.shape[1]))
    parts = [scores[start : start + size].std(axis=1) for start in range(0, len(scores), size)]
    return np.concatenate([np.zeros(0), *parts])


def centred(vectors: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """F, (items, d) float32: rows of all views side by side, minus their mean over the catalogue, at length 1.

    Text vectors share one large component ("this is a description"), which would make every pair of items alike. A row that
    equals the mean says nothing and stays 0.

    Args:
        vectors: (items, d_1), one row an item.
        others: further views of the same items; each view comes in with rows of length 1.
    """
    views = [vectors, *others]
    if any(len(view) != len(vectors) for view in views):
        raise LmmrecError(
            f"views of the same items have {', '.join(f'{len(view):,}' for view in views)} rows; embed all items with each"
        )
    joined = np.concatenate([unit_rows(view) for view in views], axis=1)
    return unit_rows(joined - joined.mean(axis=0)).astype(np.float32)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows at length 1 in float64; rows of rounding alone become 0."""
    exact = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    known = lengths > 1e-6 * lengths.max(initial=1e-300)
    return np.where(known, exact / np.where(known, lengths, 1.0), 0.0)
