"""Slow twins of EASE, GF-CF's neighbours and the texts beside them: normal equations and loops over dense float64 arrays."""

from __future__ import annotations

import itertools

import numpy as np


def ease_problem(
    train: np.ndarray, regularisation: float, dropout: float, user_power: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """(weighted X, diagonal of L, s)."""
    weighted = np.array([row / max(row.sum(), 1.0) ** user_power for row in train])
    variance = (weighted**2).sum(axis=0)
    unit = variance.sum() / train.sum()
    return weighted, regularisation * unit + dropout * variance, unit


def constrained_ridge(rows: np.ndarray, penalty: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Column by column: the b with b_j = 0 that minimises |rows_j - rows b|^2 + sum_i penalty_i (b_i - target_ij)^2."""
    num_items = rows.shape[1]
    weights = np.zeros((num_items, num_items))
    for j in range(num_items):
        others = [i for i in range(num_items) if i != j]
        design = rows[:, others]
        ridge = np.diag(penalty[others])
        right = design.T @ rows[:, j] + ridge @ target[others, j]
        weights[others, j] = np.linalg.solve(design.T @ design + ridge, right)
    return weights


def ease(train: np.ndarray, regularisation: float, dropout: float, user_power: float) -> np.ndarray:
    rows, penalty, _ = ease_problem(train, regularisation, dropout, user_power)
    return constrained_ridge(rows, penalty, np.zeros((train.shape[1],) * 2))


def collective_ease(
    train: np.ndarray, texts: np.ndarray, weight: float, regularisation: float, dropout: float, user_power: float
) -> np.ndarray:
    """EASE with the rows sqrt(w s) F' under the interactions; they have no part in s and in the noise."""
    rows, penalty, unit = ease_problem(train, regularisation, dropout, user_power)
    appended = np.concatenate([rows, np.sqrt(weight * unit) * texts.T])
    return constrained_ridge(appended, penalty, np.zeros((train.shape[1],) * 2))


def prior_ease(
    train: np.ndarray, target: np.ndarray, regularisation: float, dropout: float, user_power: float
) -> np.ndarray:
    rows, penalty, _ = ease_problem(train, regularisation, dropout, user_power)
    return constrained_ridge(rows, penalty, target)


def text_map(train: np.ndarray, texts: np.ndarray, shrinkage: float) -> np.ndarray:
    """Every way to halve every history, each as likely; then one least-squares problem in the d x d numbers of W."""
    dim = texts.shape[1]
    left, right = np.zeros((dim * dim, dim * dim)), np.zeros(dim * dim)
    for row in train:
        history = np.flatnonzero(row)
        for kept in itertools.product((0.0, 1.0), repeat=len(history)):
            inside = np.zeros(len(row))
            inside[history] = kept
            profile = inside @ texts
            design = np.einsum("a,jb->jab", profile, texts).reshape(len(row), -1)  # scores = design vec(W)
            share = 0.5 ** len(history) / 0.5  # E[...] / p
            left += share * design.T @ design
            right += share * design.T @ (row - inside)
    counts = train.sum(axis=0)
    gram = train.T @ train
    inner = texts.T @ (0.5 * (gram - np.diag(counts)) + np.diag(counts)) @ texts
    unit = np.trace(inner) / dim * np.trace(texts.T @ texts) / dim
    return np.asarray(np.linalg.solve(left + shrinkage * unit * np.eye(dim * dim), right).reshape(dim, dim))


def pair_scores(train: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """score(u, j) = sum of weights_ij over the other items i of u."""
    return np.array(
        [[sum(weights[i, j] for i in np.flatnonzero(row) if i != j) for j in range(train.shape[1])] for row in train]
    )


def ridge_to_weights(weights: np.ndarray, texts: np.ndarray, new_text: np.ndarray, shrinkage: float) -> np.ndarray:
    """The column that a new item gets: each row of B is regressed on the texts of its columns, and read at the new text."""
    dim = texts.shape[1]
    ridge = shrinkage * np.linalg.eigvalsh(texts.T @ texts).mean()
    column = []
    for row in weights:
        slope = np.linalg.lstsq(
            np.concatenate([texts, np.sqrt(ridge) * np.eye(dim)]), np.concatenate([row, np.zeros(dim)]), rcond=None
        )[0]
        column.append(slope @ new_text)
    return np.array(column)


def ridge_to_histories(train: np.ndarray, texts: np.ndarray, shrinkage: float) -> np.ndarray:
    """Item by item: the slope that reads from a user's text whether she has it, her row at length 1."""
    ridge = shrinkage * np.linalg.eigvalsh(texts.T @ texts).mean()
    rows = np.array([row / max(np.sqrt(row.sum()), 1.0) for row in train])
    design = np.concatenate([texts, np.sqrt(ridge) * np.eye(texts.shape[1])])
    columns = [np.concatenate([column, np.zeros(texts.shape[1])]) for column in rows.T]
    return np.stack([np.linalg.lstsq(design, column, rcond=None)[0] for column in columns], axis=1)


def exposure(warm: np.ndarray, cold: np.ndarray, k: int, multiplier: float) -> float:
    """Share of the first k places that new items take; at equal scores others come first."""
    taken = 0
    for known, new in zip(warm, cold, strict=True):
        both = [(-score, 0) for score in known] + [(-multiplier * score, 1) for score in new]
        taken += sum(is_new for _, is_new in sorted(both)[:k])
    return taken / (len(warm) * k)


def closest_sum(parts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The weights >= 0 whose sum of `parts` (n, d) is closest to `whole`: least squares over every subset that may stay."""
    best, least = np.zeros(len(parts)), float(whole @ whole)
    for size in range(1, len(parts) + 1):
        for chosen in itertools.combinations(range(len(parts)), size):
            weights = np.linalg.lstsq(parts[list(chosen)].T, whole, rcond=None)[0]
            left = whole - weights @ parts[list(chosen)]
            if (weights >= 0.0).all() and left @ left < least - 1e-12:
                best, least = np.zeros(len(parts)), float(left @ left)
                best[list(chosen)] = weights
    return best


def own_text_scores(
    train: np.ndarray, texts: np.ndarray, weight: float, regularisation: float, dropout: float, user_power: float
) -> np.ndarray:
    """What of each score of collective EASE an item's own text brings, (users, items): U_j with all texts but F_j silent.

    P' = P - U U' with U = P F K; item j is read off row j of U, which sums P_jk F_k K over all items k.
    """
    rows, penalty, unit = ease_problem(train, regularisation, dropout, user_power)
    precision = np.linalg.inv(rows.T @ rows + np.diag(penalty))
    values, basis = np.linalg.eigh(texts.T @ precision @ texts)
    inner = basis / np.sqrt(1.0 / (weight * unit) + values)
    update = precision @ texts @ inner
    found = np.zeros(train.shape)
    for user, row in enumerate(train):
        for j in range(train.shape[1]):
            silent = np.zeros_like(texts)
            silent[j] = texts[j]
            asked = sum((update[i] for i in np.flatnonzero(row) if i != j), np.zeros(texts.shape[1]))
            found[user, j] = (precision @ silent @ inner)[j] @ asked / (precision[j, j] - update[j] @ update[j])
    return found


def product_of_views(one: np.ndarray, other: np.ndarray, widths: list[int], shares: list[float]) -> float:
    """sum_v s_v <a_v, b_v> of two texts, column by column."""
    total, start = 0.0, 0
    for width, share in zip(widths, shares, strict=True):
        for column in range(start, start + width):
            total += share * float(one[column]) * float(other[column])
        start += width
    return total
