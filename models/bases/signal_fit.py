"""How the signal form of PolyCF finds its few coefficients: one small convex problem on held-out train items.

A share of each user's train items becomes targets; filter and signals are built from the rest alone, so that no target can be
reached over its own edge. Scores are linear in the coefficients c = (theta, omega), so that all that the loss needs of the
data are the basis scores f(u, i) of targets i+ and uniform negatives i-:

    L(c) = mean softplus(-c·(f+ - f-)) + eta·mean[(1 - c·f+)^2 + (c·f-)^2]/2 + kappa·‖c‖^2

Ranking, recovery of the held-out entries of the signal, shrinkage: the three parts of our reconstruction (docs/polycf.md).
L is strictly convex: one minimum, no starting values, no rate, no epochs. What the filter is belongs to `signal_filter`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import minimize
from scipy.special import expit

from models.bases.config import PolyCFSignalConfig
from models.bases.signal_filter import CHUNK, SignalFilter


def fitted_filter(config: PolyCFSignalConfig, train: sp.csr_matrix, seed: int) -> SignalFilter:
    """The filter of `train` (binary, canonical) with its weights learned, on the CPU. Same arguments, same bytes."""
    filters = SignalFilter.of(train, config.gammas, config.ranks[-1])
    weights = fixed_weights(config)
    if np.isnan(weights).any():
        weights = minimise(*training_scores(config, train, np.random.default_rng(seed)), config)
    theta, omega = (torch.from_numpy(part) for part in np.split(weights, [len(config.gammas) * config.degree]))
    return filters.weighted(theta.reshape(len(config.gammas), config.degree), config.ranks, omega)


def fixed_weights(config: PolyCFSignalConfig) -> np.ndarray:
    """c = (theta by gamma and power, omega by rank), (basis,) float64: what the settings fix, NaN where it is learned."""
    theta = np.full(len(config.gammas) * config.degree, np.nan) if config.theta is None else np.ravel(config.theta)
    omega = np.full(len(config.ranks), np.nan) if config.omega is None else np.array(config.omega)
    return np.concatenate([theta, omega])


def training_scores(
    config: PolyCFSignalConfig, train: sp.csr_matrix, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Basis scores (pairs, basis) of held-out targets and of their negatives, one row per pair of the two."""
    rest, users, targets = hold_out(train, config.held_out, rng)
    chosen = rng.permutation(np.unique(users))[: config.fit_users]
    rows = np.isin(users, chosen)
    users, targets = users[rows], targets[rows]
    items = np.column_stack([targets, draw_negatives(train, users, config.negatives, rng)])
    scores = basis_scores(SignalFilter.of(rest, config.gammas, config.ranks[-1]), users, items, config)
    width = scores.shape[2]
    return np.repeat(scores[:, 0], config.negatives, axis=0), scores[:, 1:].reshape(-1, width)


class HeldOut(NamedTuple):
    """A train matrix in two parts."""

    rest: sp.csr_matrix
    """(users, items) binary: the signals."""
    user_idx: np.ndarray
    """(targets,) int64, ascending."""
    item_idx: np.ndarray
    """(targets,) int64."""


def hold_out(train: sp.csr_matrix, share: float, rng: np.random.Generator) -> HeldOut:
    """Takes `share` of each user's items away, rounded; at least one, and always leaving one; none of a single item."""
    counts = np.diff(train.indptr)
    users = np.repeat(np.arange(len(counts)), counts)
    is_target = np.minimum(np.maximum(np.rint(share * counts), 1), counts - 1)[users] > shuffled_positions(train, rng)
    kept = ~is_target
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    rest = sp.csr_matrix((ones, (users[kept], train.indices[kept])), shape=train.shape)
    rest.sort_indices()
    return HeldOut(rest, users[is_target].astype(np.int64), train.indices[is_target].astype(np.int64))


def shuffled_positions(train: sp.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """(pairs,) int64: each pair's place, 0 … n_u - 1, in a random order of its user's items."""
    counts = np.diff(train.indptr)
    order = np.lexsort((rng.random(train.nnz), np.repeat(np.arange(len(counts)), counts)))
    places = np.empty(train.nnz, dtype=np.int64)
    places[order] = np.arange(train.nnz) - np.repeat(train.indptr[:-1], counts)
    return places


def draw_negatives(train: sp.csr_matrix, user_idx: np.ndarray, per_row: int, rng: np.random.Generator) -> np.ndarray:
    """(rows, per_row) int64 items, uniform over what the row's user has not in `train`."""
    num_items = train.shape[1]
    users = np.repeat(user_idx, per_row)
    drawn = rng.integers(0, num_items, size=len(users))
    owned = np.repeat(np.arange(train.shape[0], dtype=np.int64), np.diff(train.indptr)) * num_items + train.indices
    pending = np.arange(len(users))
    while len(pending := pending[np.isin(users[pending] * num_items + drawn[pending], owned)]):
        drawn[pending] = rng.integers(0, num_items, size=len(pending))
    return np.asarray(drawn.reshape(len(user_idx), per_row))


@torch.no_grad()
def basis_scores(
    filters: SignalFilter, user_idx: np.ndarray, items: np.ndarray, config: PolyCFSignalConfig
) -> np.ndarray:
    """f(u, i) of each element of `SignalFilter.basis` for (rows,) users and (rows, n) items: (rows, n, basis)."""
    distinct, row_of = np.unique(user_idx, return_inverse=True)
    found = np.empty((*items.shape, len(config.gammas) * config.degree + len(config.ranks)))
    for start in range(0, len(distinct), CHUNK):
        rows = np.flatnonzero((row_of >= start) & (row_of < start + CHUNK))
        columns = torch.from_numpy(row_of[rows] - start).unsqueeze(1)
        wanted = torch.from_numpy(items[rows])
        signals = filters.signals(torch.from_numpy(distinct[start : start + CHUNK]))
        for number, answer in enumerate(filters.basis(signals, config.degree, config.ranks)):
            found[rows, :, number] = answer[wanted, columns].numpy()
    return found


def minimise(positives: np.ndarray, negatives: np.ndarray, config: PolyCFSignalConfig) -> np.ndarray:
    """The c that minimises L for basis scores (pairs, basis) of targets and of negatives; the fixed ones keep their value."""
    fixed = fixed_weights(config)
    free = np.isnan(fixed)
    known = np.where(free, 0.0, fixed)
    difference, offset = (positives - negatives)[:, free], (positives - negatives) @ known
    both = np.concatenate([positives, negatives])
    wanted = np.repeat([1.0, 0.0], len(positives)) - both @ known  # what is left to recover
    both = both[:, free]
    eta, kappa, count = config.recovery, config.shrinkage, max(len(positives), 1)
    curvature = eta * both.T @ both / count + 2.0 * kappa * np.eye(int(free.sum()))
    slope = eta * both.T @ wanted / count

    def loss(c: np.ndarray) -> tuple[float, np.ndarray]:
        margin = difference @ c + offset
        value = np.logaddexp(0.0, -margin).sum() / count + 0.5 * c @ curvature @ c - slope @ c
        return float(value), curvature @ c - slope - difference.T @ expit(-margin) / count

    def hessian(c: np.ndarray) -> np.ndarray:
        weight = expit(difference @ c + offset)
        return np.asarray(curvature + (difference.T * (weight * (1.0 - weight))) @ difference / count)

    found = minimize(loss, np.zeros(int(free.sum())), jac=True, hess=hessian, method="trust-exact")
    known[free] = found.x
    return known
