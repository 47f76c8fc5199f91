"""Slow twins of the graph equations: dense float64 matrices and plain loops, one function per equation."""

from __future__ import annotations

import math

import numpy as np


def normalised_adjacency(train: np.ndarray) -> np.ndarray:
    """D^-1/2 A D^-1/2 of the bipartite graph of a 0/1 (users, items) array; (nodes, nodes)."""
    num_users, num_items = train.shape
    adjacency = np.zeros((num_users + num_items, num_users + num_items))
    for u in range(num_users):
        for i in range(num_items):
            if train[u, i]:
                weight = 1.0 / math.sqrt(train[u].sum() * train[:, i].sum())
                adjacency[u, num_users + i] = weight
                adjacency[num_users + i, u] = weight
    return adjacency


def layers(adjacency: np.ndarray, table: np.ndarray, num_layers: int) -> list[np.ndarray]:
    """x^(0) … x^(K), eq. (4)."""
    found = [table]
    for _ in range(num_layers):
        found.append(adjacency @ found[-1])
    return found


def bpr(table: np.ndarray, users: list[int], positives: list[int], negatives: list[int]) -> float:
    """Mean of -log sigmoid(s+ - s-)."""
    total = 0.0
    for u, i, j in zip(users, positives, negatives, strict=True):
        total -= math.log(1.0 / (1.0 + math.exp(-(table[u] @ table[i] - table[u] @ table[j]))))
    return total / len(users)


def adam_step(
    value: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray, step: int, rate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kingma and Ba, Algorithm 1, with beta 0.9 and 0.999, epsilon 1e-8; `step` counts from 1."""
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    corrected_first, corrected_second = first / (1 - 0.9**step), second / (1 - 0.999**step)
    return value - rate * corrected_first / (np.sqrt(corrected_second) + 1e-8), first, second
