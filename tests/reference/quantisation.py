"""Slow twin of residual quantisation: the nearest centre of each vector, level by level, one distance at a time."""

from __future__ import annotations

import numpy as np


def nearest(vector: np.ndarray, centres: np.ndarray) -> int:
    distances = [float(((vector - centre) ** 2).sum()) for centre in centres]
    return distances.index(min(distances))


def tokens(vector: np.ndarray, centres_by_level: np.ndarray) -> list[int]:
    """The tuple of one vector."""
    found = []
    for centres in centres_by_level:
        found.append(nearest(vector, centres))
        vector = vector - centres[found[-1]]
    return found
