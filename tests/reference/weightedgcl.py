"""Slow twins of WeightedGCL and SimGCL: whole noisy passes, one node and one layer at a time."""

from __future__ import annotations

import math

import numpy as np


def signed_noise(row: np.ndarray, length: float, drawn: np.ndarray) -> np.ndarray:
    """One node's noise: the drawn direction at the given length, with the signs of the row."""
    size = math.sqrt(sum(float(value) ** 2 for value in drawn))
    return np.array([np.sign(x) * float(u) / size * length for x, u in zip(row, drawn, strict=True)])


def weightedgcl_view(
    adjacency: np.ndarray, table: np.ndarray, num_layers: int, length: float, rows: list[int], drawn: np.ndarray
) -> np.ndarray:
    """Mean of x^(1) … x^(K) of the rows, noise on x^(K) alone; `drawn` has one line per row."""
    layer, total = table, np.zeros_like(table)
    for k in range(1, num_layers + 1):
        layer = adjacency @ layer
        if k == num_layers:
            layer = layer.copy()
            for place, node in enumerate(rows):
                layer[node] = layer[node] + signed_noise(layer[node], length, drawn[place])
        total = total + layer
    return np.asarray(total[rows] / num_layers)


def simgcl_pass(adjacency: np.ndarray, table: np.ndarray, length: float, drawn: list[np.ndarray]) -> np.ndarray:
    """x^(0) + noisy x^(1) + …, each noisy layer feeding the next; `drawn` has one array per layer."""
    layer, total = table, table
    for noise in drawn:
        layer = adjacency @ layer
        layer = np.array([row + signed_noise(row, length, u) for row, u in zip(layer, noise, strict=True)])
        total = total + layer
    return total


def excitation(row: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Squeeze to the mean, three linear maps, one sigmoid."""
    value = np.array([row.mean()])
    for weight, bias in layers:
        value = weight @ value + bias
    return np.array([1.0 / (1.0 + math.exp(-x)) for x in value])


def info_nce(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    """Mean of -log exp(cos(a_m, b_m) / tau) / sum_l exp(cos(a_m, b_l) / tau)."""
    total = 0.0
    for m in range(len(first)):
        cosines = [
            float(first[m] @ other) / (np.linalg.norm(first[m]) * np.linalg.norm(other)) / temperature
            for other in second
        ]
        total -= cosines[m] - math.log(sum(math.exp(value) for value in cosines))
    return total / len(first)
