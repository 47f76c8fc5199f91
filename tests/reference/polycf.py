"""Slow twins of PolyCF's equations: dense float64 matrices, matrix powers and loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def generalized(train: np.ndarray, gamma: float) -> np.ndarray:
    """R_gamma = D_U^-gamma R D_I^-(1-gamma) of a 0/1 (users, items) array."""
    weighted = np.zeros(train.shape)
    for u in range(train.shape[0]):
        for i in range(train.shape[1]):
            if train[u, i]:
                weighted[u, i] = train[u].sum() ** -gamma * train[:, i].sum() ** -(1.0 - gamma)
    return weighted


def scaled(train: np.ndarray, gamma: float) -> np.ndarray:
    """R_gamma / sigma_max(R_gamma)."""
    weighted = generalized(train, gamma)
    return weighted / np.linalg.svd(weighted, compute_uv=False)[0]


def gram(train: np.ndarray, gamma: float) -> np.ndarray:
    """P_gamma, (items, items)."""
    weighted = scaled(train, gamma)
    return weighted.T @ weighted


def projections(train: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """U_r U_r^T and V_r V_r^T of R_1/2; directions of singular value 0 are left out."""
    left, values, right = np.linalg.svd(generalized(train, 0.5), full_matrices=False)
    kept = int(min(rank, (values > 1e-6 * values[0]).sum()))
    return left[:, :kept] @ left[:, :kept].T, right[:kept].T @ right[:kept]


def ideal_low_pass(train: np.ndarray, rank: int) -> np.ndarray:
    """D_I^-1/2 V_r V_r^T D_I^1/2, (items, items)."""
    root = np.sqrt(np.maximum(train.sum(axis=0), 1.0))
    return np.diag(1.0 / root) @ projections(train, rank)[1] @ np.diag(root)


def transfer(
    train: np.ndarray, gammas: Sequence[float], theta: np.ndarray, omega: Sequence[float], ranks: Sequence[int]
) -> np.ndarray:
    """H = sum_gamma sum_{k=1..K} theta[gamma, k-1]·P_gamma^k + sum_r omega_r·(ideal low pass of r), (items, items)."""
    total = np.zeros((train.shape[1], train.shape[1]))
    for weight, rank in zip(omega, ranks, strict=True):
        total = total + weight * ideal_low_pass(train, rank)
    for gamma, weights in zip(gammas, theta, strict=True):
        for k, weight in enumerate(weights, start=1):
            total = total + weight * np.linalg.matrix_power(gram(train, gamma), k)
    return total


def objective(
    weights: np.ndarray, positives: np.ndarray, negatives: np.ndarray, recovery: float, shrinkage: float
) -> float:
    """Mean over pairs of softplus(s- - s+) + recovery·[(1 - s+)^2 + (s-)^2] / 2, plus shrinkage·‖weights‖²."""
    total = 0.0
    for f_plus, f_minus in zip(positives, negatives, strict=True):
        plus, minus = float(f_plus @ weights), float(f_minus @ weights)
        total += math.log(1.0 + math.exp(minus - plus)) + recovery * ((1.0 - plus) ** 2 + minus**2) / 2.0
    return total / len(positives) + shrinkage * float(weights @ weights)


def bipartite(train: np.ndarray, gamma: float) -> np.ndarray:
    """S_gamma = [[0, R_gamma], [R_gamma^T, 0]] / sigma_max, (nodes, nodes)."""
    weighted = scaled(train, gamma)
    users, items = train.shape
    return np.block([[np.zeros((users, users)), weighted], [weighted.T, np.zeros((items, items))]])


def embeddings(
    train: np.ndarray, table: np.ndarray, gammas: Sequence[float], theta: np.ndarray, omega: float, rank: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """X of the embedding form, and its layers x^(k) = mean_gamma S_gamma^k E."""
    users = train.shape[0]
    of_users, of_items = projections(train, rank)
    final = omega * np.concatenate([of_users @ table[:users], of_items @ table[users:]])
    layers = []
    for k in range(theta.shape[1]):
        powers = [np.linalg.matrix_power(bipartite(train, gamma), k) @ table for gamma in gammas]
        final = final + sum(weights[k] * power for weights, power in zip(theta, powers, strict=True))
        layers.append(np.mean(powers, axis=0))
    return final, layers
