"""Residual vector quantisation: each vector as a short tuple of tokens, coarse to fine, by k-means on what is left over.

Level l clusters the residuals of level l - 1; the sum of a tuple's centres approximates the vector (Juang and Gray, 1982). A
centre that nobody is nearest to starts again at the vector that is farthest from its own. What tokens are for belongs to the
enhancers that use them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ITERATIONS = 15
"""Rounds of Lloyd's algorithm a level, at most; it ends earlier where no label changes."""


@dataclass(frozen=True)
class Tokens:
    """Of n vectors, `levels` tokens each."""

    codes: Tensor
    """(n, levels) int64, below the number of centres."""
    centres: Tensor
    """(levels, centres, d_s) float32."""
    reconstruction_error: float
    """Squared length of what no level explains, as a share of the vectors' own."""

    @property
    def usage(self) -> float:
        """Share of all centres that some vector has as a token."""
        used = sum(len(torch.unique(level)) for level in self.codes.T)
        return used / (self.centres.shape[0] * self.centres.shape[1])

    @property
    def collision_rate(self) -> float:
        """Share of the vectors whose whole tuple another vector has, too."""
        _, counts = torch.unique(self.codes, dim=0, return_counts=True)
        return float(counts[counts > 1].sum()) / len(self.codes)


@torch.no_grad()
def residual_kmeans(vectors: Tensor, levels: int, num_codes: int, rng: torch.Generator) -> Tokens:
    """Tokens of (n, d_s) float32 vectors on the CPU; at most n codes a level, and deterministic for one state of `rng`."""
    residual, found = vectors, []
    for _ in range(levels):
        centres = kmeans(residual, min(num_codes, len(vectors)), rng)
        codes = nearest(residual, centres)
        residual = residual - centres.index_select(0, codes)
        found.append((codes, centres))
    codes, centres = (torch.stack(parts) for parts in zip(*found, strict=True))
    error = float(residual.square().sum() / vectors.square().sum().clamp_min(torch.finfo(torch.float32).tiny))
    return Tokens(codes.T.contiguous(), centres, error)


def tokens_of_sides(texts: Tensor, num_users: int, levels: int, num_codes: int, rng: torch.Generator) -> list[Tokens]:
    """Those of the users, who come first among the (nodes, d_s) texts, and those of the items, each with their own centres."""
    sides = torch.split(texts, [num_users, len(texts) - num_users])
    return [residual_kmeans(side, levels, num_codes, rng) for side in sides]


def nearest(vectors: Tensor, centres: Tensor) -> Tensor:
    """(n, d_s), (k, d_s) -> (n,) int64: the nearest centre of each vector, the lower index of two."""
    return torch.argmin(centres.square().sum(dim=1) - 2.0 * (vectors @ centres.T), dim=1)


def kmeans(vectors: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """(count, d_s) centres by Lloyd's algorithm from a spread start."""
    centres, labels = _spread_start(vectors, count, rng), torch.full((len(vectors),), -1)
    for _ in range(ITERATIONS):
        before, labels = labels, nearest(vectors, centres)
        if torch.equal(before, labels):
            break
        sizes = torch.bincount(labels, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, labels, vectors)
        distances = (vectors - centres.index_select(0, labels)).square().sum(dim=1)
        centres = sums / sizes.clamp_min(1).unsqueeze(1)
        empty = (sizes == 0).nonzero().squeeze(1)
        farthest = torch.sort(distances, descending=True, stable=True).indices[: len(empty)]
        centres[empty] = vectors[farthest]
    return centres


def _spread_start(vectors: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """k-means++ (Arthur and Vassilvitskii, 2007): each further centre with a chance that grows with its squared distance."""
    chosen = torch.randint(len(vectors), (1,), generator=rng)
    distances = (vectors - vectors[chosen]).square().sum(dim=1)
    for _ in range(count - 1):
        cumulated = distances.double().cumsum(0)
        drawn = torch.rand(1, generator=rng, dtype=torch.float64) * cumulated[-1]
        new = torch.searchsorted(cumulated, drawn, right=True).clamp_max(len(vectors) - 1)
        chosen = torch.cat([chosen, new])
        torch.minimum(distances, (vectors - vectors[new]).square().sum(dim=1), out=distances)
    return vectors.index_select(0, chosen)
