"""A text's part of a score, split over its sentences.

A linear model reads a text as one vector F = (x - m) / l, with x the text's vector at length 1, m the catalogue's mean and l
the length of x - m. Encoders do not add sentences up, so that x - m is first written as the closest sum

    x - m = sum_s a_s (y_s - m) + r,   a_s >= 0 with least ||r||

of its sentences' vectors y_s at length 1. A score part g·F then is sum_s a_s (y_s - m)·g / l + r·g / l: the last summand, what
the text says as a whole and no sum of its sentences does, is the remainder, and is shown as such. All add up to g·F.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class SentenceSplit:
    """g·F = parts.sum() + remainder."""

    parts: np.ndarray
    """(n,) float64, one a sentence."""
    remainder: float
    explained: float
    """1 - ||r||^2 / ||x - m||^2: what share of the text's vector its sentences make up, 0 to 1."""


def split_over_sentences(
    text: np.ndarray, sentences: np.ndarray, mean: np.ndarray, direction: np.ndarray
) -> SentenceSplit:
    """Splits g·F; all zero where the text lies on the mean and says nothing.

    Args:
        text: x, (d,) at length 1.
        sentences: y, (n, d), each at length 1.
        mean: m, (d,).
        direction: g, (d,).
    """
    moved = np.asarray(text - mean, dtype=np.float64)
    length = float(np.linalg.norm(moved))
    if length == 0.0 or not len(sentences):
        whole = float(moved @ direction) / length if length else 0.0
        return SentenceSplit(np.zeros(len(sentences)), whole, 0.0)
    said = np.asarray(sentences - mean, dtype=np.float64)
    weights, left = nnls(said.T, moved)
    parts = weights * (said @ direction) / length
    return SentenceSplit(parts, float(moved @ direction) / length - float(parts.sum()), 1.0 - (left / length) ** 2)
