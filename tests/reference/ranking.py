"""Slow twins of top-k, the metrics and the anchors: sets, sorts and loops over dense arrays."""

from __future__ import annotations

import math

import numpy as np


def top_k(scores: np.ndarray, hidden: set[int], k: int) -> list[int]:
    """The best items of one user, ties by lower index."""
    allowed = [item for item in range(len(scores)) if item not in hidden]
    return sorted(allowed, key=lambda item: (-scores[item], item))[:k]


def recall(ranked: list[int], relevant: set[int], k: int) -> float:
    return len(set(ranked[:k]) & relevant) / len(relevant)


def ndcg(ranked: list[int], relevant: set[int], k: int) -> float:
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:k]) if item in relevant)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
    return gain / ideal


def gini(counts: list[int]) -> float:
    """Half the mean absolute difference over the mean."""
    n, total = len(counts), sum(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * n * total)


def itemknn_scores(train: np.ndarray, k: int, shrink: float) -> np.ndarray:
    return np.asarray(train @ nearest_rows(train.T, k, shrink).T)


def userknn_scores(train: np.ndarray, k: int, shrink: float) -> np.ndarray:
    return np.asarray(nearest_rows(train, k, shrink) @ train)


def nearest_rows(matrix: np.ndarray, k: int, shrink: float) -> np.ndarray:
    """Row a: the similarities of its k nearest other rows, ties by lower index, zero elsewhere."""
    num_rows = len(matrix)
    kept = np.zeros((num_rows, num_rows))
    for a in range(num_rows):
        similar = np.zeros(num_rows)
        for b in range(num_rows):
            common = (matrix[a] * matrix[b]).sum()
            if a != b and common:
                similar[b] = common / (math.sqrt(matrix[a].sum() * matrix[b].sum()) + shrink)
        for b in sorted(range(num_rows), key=lambda row: (-similar[row], row))[:k]:
            kept[a, b] = similar[b]
    return kept


def ease_scores(train: np.ndarray, regularisation: float) -> np.ndarray:
    """The closed form of each column: ridge regression of item j on all the other items."""
    num_items = train.shape[1]
    weights = np.zeros((num_items, num_items))
    for j in range(num_items):
        others = [i for i in range(num_items) if i != j]
        design = train[:, others]
        gram = design.T @ design + regularisation * np.eye(len(others))
        weights[others, j] = np.linalg.solve(gram, design.T @ train[:, j])
    return np.asarray(train @ weights)


def gfcf_scores(train: np.ndarray, rank: int, alpha: float) -> np.ndarray:
    of_user, of_item = np.maximum(train.sum(axis=1), 1), np.maximum(train.sum(axis=0), 1)
    normalised = train / np.sqrt(of_user)[:, None] / np.sqrt(of_item)[None, :]
    vectors = np.linalg.svd(normalised, full_matrices=False)[2][:rank].T
    low_pass = np.diag(of_item**-0.5) @ vectors @ vectors.T @ np.diag(of_item**0.5)
    return np.asarray(train @ (normalised.T @ normalised + alpha * low_pass))


def als_half_step(train: np.ndarray, fixed: np.ndarray, regularisation: float, alpha: float) -> np.ndarray:
    """Each row's factors given those of the other side: weighted ridge regression, (rows, factors)."""
    found = np.zeros((len(train), fixed.shape[1]))
    for row, likes in enumerate(train):
        weight = np.diag(np.where(likes > 0, alpha, 1.0))
        gram = fixed.T @ weight @ fixed + regularisation * np.eye(fixed.shape[1])
        found[row] = np.linalg.solve(gram, fixed.T @ weight @ likes)
    return found
