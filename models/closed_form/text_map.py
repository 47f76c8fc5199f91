"""The learned text map W: which directions of a history's texts speak for which directions of the next item's text.

    min_W  E ||X_out - X_in F W F'||^2 / p + mu s ||W||^2,   score = (x F) W F'

X_in keeps each item of each history with probability p, X_out holds the others. In expectation this is a ridge regression
in d x d numbers, which two eigenproblems solve; no items x items matrix is made. An item is never predicted from itself.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.closed_form.text_part import TextPart

USERS_AT_ONCE = 32_768
"""Histories whose text profiles are held at once."""
KEPT = 0.5
"""p."""


def learned_map(train: sp.csr_matrix, texts: np.ndarray, shrinkages: tuple[float, ...]) -> list[np.ndarray]:
    """W, (d, d) float64, for each mu of `shrinkages` (> 0, in units of s = mean eigenvalue of A times that of C).

    With G = X'X, D = diag(G), G_off = G - D: A = F'(p G_off + D) F, R = (1 - p) F'G_off F, C = F'F, and A W C + mu s W = R.

    Args:
        train: X, (users, items) binary float32.
        texts: F, (items, d) float32.
    """
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float64)
    exact = texts.astype(np.float64)
    own = exact.T @ (counts[:, None] * exact)  # F'D F
    others = profile_gram(train, texts) - own  # F'G_off F
    a_values, a_basis = np.linalg.eigh(KEPT * others + own)
    c_values, c_basis = np.linalg.eigh(exact.T @ exact)
    rotated = a_basis.T @ ((1.0 - KEPT) * others) @ c_basis
    unit = float(a_values.mean() * c_values.mean())
    grid = np.outer(a_values, c_values)
    return [a_basis @ (rotated / (grid + shrinkage * unit)) @ c_basis.T for shrinkage in shrinkages]


def profile_gram(train: sp.csr_matrix, texts: np.ndarray) -> np.ndarray:
    """F'X'X F, (d, d) float64, without X'X."""
    total = np.zeros((texts.shape[1], texts.shape[1]))
    for start in range(0, train.shape[0], USERS_AT_ONCE):
        profiles = np.asarray(train[start : start + USERS_AT_ONCE] @ texts)  # (users, d)
        total += profiles.T @ profiles
    return total


def mapped_part(texts: np.ndarray, text_map: np.ndarray, weight: float) -> TextPart:
    """(x F) W F' beside a text-free score, both spread alike: z(h) + c z(t) with c = `weight` > 0."""
    left, ones = (texts.astype(np.float64) @ text_map).astype(np.float32), np.ones(len(texts), dtype=np.float32)
    return TextPart(left, texts.astype(np.float32), ones, relative=weight, own=ones)


def cosine_part(texts: np.ndarray, weight: float) -> TextPart:
    """The same with W = I: how close an item's text is to the texts of the history."""
    plain, ones = texts.astype(np.float32), np.ones(len(texts), dtype=np.float32)
    return TextPart(plain, plain, ones, relative=weight, own=ones)
