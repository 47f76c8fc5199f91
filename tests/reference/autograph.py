"""Slow twin of AutoGraph: one node, one factor, one neighbour at a time, with means or with attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tests.reference.lmmrec import softmax

Gather = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
"""From the rows of the sources and the row of the target to one row."""


def mean_of(weight: np.ndarray, bias: np.ndarray) -> Gather:
    """b + mean of W s."""

    def gather(sources: Sequence[np.ndarray], target: np.ndarray) -> np.ndarray:
        if not sources:
            return bias
        return bias + sum(weight @ source for source in sources) / len(sources)

    return gather


def attention_of(
    source_weights: np.ndarray,
    target_weights: np.ndarray,
    source_attention: np.ndarray,
    target_attention: np.ndarray,
    bias: np.ndarray,
) -> Gather:
    """Graph attention: (heads, d, d_in), (heads, d, d), (heads, d) twice, (d,); the mean over heads."""

    def gather(sources: Sequence[np.ndarray], target: np.ndarray) -> np.ndarray:
        if not sources:
            return bias
        found = np.zeros_like(bias)
        for w, v, a, b in zip(source_weights, target_weights, source_attention, target_attention, strict=True):
            logits = [float(a @ (w @ source) + b @ (v @ target)) for source in sources]
            shares = softmax(np.array([logit if logit > 0 else 0.2 * logit for logit in logits]))
            found = found + sum(share * (w @ source) for share, source in zip(shares, sources, strict=True))
        return bias + found / len(source_weights)

    return gather


def mean_rows(rows: Sequence[np.ndarray], width: int) -> np.ndarray:
    return np.asarray(sum(rows) / len(rows)) if rows else np.zeros(width)


def described(
    ids: np.ndarray, factors: np.ndarray, having: np.ndarray, gather: Gather, into_factor: Gather | None
) -> np.ndarray:
    """t of one side: ids (n, d), factors e (f, d), having (n, f) 0/1."""
    z = []
    for q in range(len(factors)):
        members = [ids[n] for n in range(len(ids)) if having[n, q]]
        z.append(mean_rows(members, ids.shape[1]) if into_factor is None else into_factor(members, factors[q]))
    pairs = [np.concatenate([z[q], factors[q]]) for q in range(len(factors))]
    return np.array([gather([pairs[q] for q in range(len(factors)) if having[n, q]], ids[n]) for n in range(len(ids))])


def gathered(own: np.ndarray, others: np.ndarray, neighbours: Sequence[Sequence[int]], gather: Gather) -> np.ndarray:
    """g of one side from t of both, and the neighbours of each node among the others."""
    return np.array([gather([others[m] for m in mine], own[n]) for n, mine in enumerate(neighbours)])


def phi(row: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """ReLU(W g + b)."""
    return np.array([max(0.0, value) if math.isfinite(value) else value for value in weight @ row + bias])
