"""Motivation prototypes of LMMRec, eq. (5) and (6): graph rows described as mixtures of a few learned vectors.

At the default temperature the assignment stays close to uniform, so that prototypes act as a smooth map and not as
readable motives (docs/method.md): never read a motive off them alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.bases.contract import xavier_uniform


def assignment(rows: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """a = softmax over prototypes of x·z^i / tau_p, eq. (5): (…, d), (I, d) -> (…, I), the last axis sums to 1."""
    return torch.softmax(rows @ (prototypes.T / temperature), dim=-1)


def interaction_motivation(layers: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """p = mean over layers of p^(k) = a^(k) Z, eq. (6): (K + 1, rows, d) -> (rows, d), in the hull of Z (I, d).

    The paper does not say how layers combine; the mean over k = 0 … K is our choice. Adding the assignments first is the
    same and needs one product; the few prototypes are divided by K + 1 rather than all assignments.
    """
    return assignment(layers, prototypes, temperature).sum(dim=0) @ (prototypes / len(layers))


class Prototypes(nn.Module):
    """Z_U and Z_I, each (I, d)."""

    def __init__(self, num_prototypes: int, dim: int, rng: torch.Generator) -> None:
        super().__init__()
        self.users = nn.Parameter(xavier_uniform(num_prototypes, dim, rng))
        self.items = nn.Parameter(xavier_uniform(num_prototypes, dim, rng))
